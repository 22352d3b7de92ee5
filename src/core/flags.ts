/** Named reasons why a run may not stand beside others. `invalid` ones are left out of charts by default; nothing is deleted. */
export interface Flag {
  readonly name: string;
  readonly invalid: boolean;
  readonly meaning: string;
}

export const FLAGS = [
  { name: 'wrong-output', invalid: true, meaning: 'the binary computed something else than the specification on this device' },
  { name: 'major-faults-in-decode', invalid: true, meaning: 'weights were read from disk while decoding: the model does not fit in memory' },
  { name: 'swapped', invalid: true, meaning: 'swap grew during the run' },
  { name: 'busy', invalid: true, meaning: 'other programs used the processor during the run' },
  { name: 'interrupted', invalid: true, meaning: 'the run ended before all its repetitions' },
  { name: 'emulated', invalid: true, meaning: 'the processor is emulated: timings mean nothing' },
  { name: 'journal-damaged', invalid: true, meaning: 'part of what the device recorded of the run could not be read' },
  { name: 'throttled', invalid: true, meaning: 'the device lowered its clock because of heat or current limits during the run' },
  { name: 'undervolted', invalid: true, meaning: 'the supply voltage fell below what the board needs during the run' },
  { name: 'clock-below-target', invalid: true, meaning: 'the cores did not hold the clock they should hold under load' },
  { name: 'charger-changed', invalid: true, meaning: 'the charger was plugged or pulled during the run' },
  { name: 'lab', invalid: true, meaning: 'the sensors were played by a test: nothing was measured' },
  { name: 'hot-start', invalid: false, meaning: 'the device did not cool down to the ceiling of the suite before measuring began' },
  { name: 'busy-start', invalid: false, meaning: 'other programs used the processor before measuring began' },
  { name: 'governor', invalid: false, meaning: 'the governor may lower the clock between requests' },
  { name: 'energy-missing', invalid: false, meaning: 'a power source was lost, or too slow for what was measured: its energies are absent' },
  {
    name: 'sampling-overhead',
    invalid: false,
    meaning: 'reading the sensors was not shown to cost less than 1 % of speed: energy is of a slower run than speed is',
  },
  { name: 'charging', invalid: false, meaning: 'a battery was being charged: power that a meter told holds that, too' },
  { name: 'idle-drift', invalid: false, meaning: 'idle power after the run differs from that before it: energy net of idle is uncertain' },
  { name: 'clock-skew', invalid: false, meaning: 'the clocks of device and controller differ, or are not known well enough for a meter' },
] as const satisfies readonly Flag[];

export type FlagName = (typeof FLAGS)[number]['name'];
export const FLAG_NAMES = FLAGS.map((f) => f.name) as [FlagName, ...FlagName[]];
