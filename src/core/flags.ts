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
  { name: 'clock-skew', invalid: false, meaning: 'the clocks of device and controller differ' },
] as const satisfies readonly Flag[];

export type FlagName = (typeof FLAGS)[number]['name'];
export const FLAG_NAMES = FLAGS.map((f) => f.name) as [FlagName, ...FlagName[]];
