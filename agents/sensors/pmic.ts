import type { Host } from '../../src/core/host.ts';
import type { SensorSettings } from '../../src/core/sensor_settings.ts';
import { powerOf, type Source } from '../../src/core/source.ts';
import { ask, shared } from './reading.ts';
import type { Found, Sensor } from './sensor.ts';

/** The rails of a Raspberry Pi 5: `vcgencmd pmic_read_adc`. 5 V loads (USB, HATs, fan) and the loss of the converters are not seen. */

const COMMAND = ['vcgencmd', 'pmic_read_adc'];
/** Every reading starts a program and asks the firmware: not more often than this. */
const PERIOD = 0.5;

/** Volts and amperes by rail. A rail's two lines have different indices, so its name is what pairs them. */
export function railsOf(text: string): Map<string, { volts: number | null; amperes: number | null }> {
  const rails = new Map<string, { volts: number | null; amperes: number | null }>();
  for (const line of text.split('\n')) {
    const [, rail, kind, value] = /^\s*(\S+?)_([AV])\s+(?:current|volt)\(\d+\)=(\d+(?:\.\d+)?)[AV]\s*$/.exec(line) ?? [];
    if (rail === undefined || value === undefined) continue;
    const known = rails.get(rail) ?? { volts: null, amperes: null };
    rails.set(rail, kind === 'A' ? { ...known, amperes: Number(value) } : { ...known, volts: Number(value) });
  }
  return rails;
}

/** Sum over the rails that have both figures, W; null where none has. */
export function railWatts(text: string): number | null {
  const pairs = [...railsOf(text).values()].flatMap(({ volts, amperes }) => (volts === null || amperes === null ? [] : [volts * amperes]));
  return pairs.length === 0 ? null : pairs.reduce((sum, watts) => sum + watts, 0);
}

export const pmic: Sensor = {
  name: 'pmic',
  async find(host: Host, settings: SensorSettings): Promise<Partial<Found>> {
    const first = await ask(host, COMMAND);
    if (/Can't open device file/.test(`${first.stdout}${first.stderr}`))
      return { problems: ['vcgencmd may not ask the firmware: add the user to the group video (sudo usermod -aG video USER), then log in again'] };
    if (!first.ok || railWatts(first.stdout) === null) return {}; // a Pi 4 and older has no such ADC
    const rails = [...railsOf(first.stdout).values()].filter(({ volts, amperes }) => volts !== null && amperes !== null).length;
    const now = shared(0.05, async () => railWatts((await ask(host, COMMAND)).stdout)); // for both sources below
    const detail = `vcgencmd pmic_read_adc, ${rails} rails`;
    const common = { period: PERIOD, refresh: 0.01, close: async () => {} };
    const measured: Source = {
      ...{ name: 'pmic', scope: 'board_rails_partial', detail, ...common },
      read: async () => powerOf(await now(), 'vcgencmd gave no rails'),
    };
    const line = settings.pmic;
    if (!line) return { sources: [measured] };
    const corrected: Source = {
      ...{ name: 'pmic-corrected', scope: 'estimate', detail: `${detail}, x ${line.slope} + ${line.offset} W`, ...common },
      async read() {
        const watts = await now();
        return powerOf(watts === null ? null : watts * line.slope + line.offset, 'vcgencmd gave no rails');
      },
    };
    return { sources: [measured, corrected] };
  },
};
