import type { Host } from '../../src/core/host.ts';
import type { Scope } from '../../src/core/scope.ts';
import type { SensorSettings } from '../../src/core/sensor_settings.ts';
import { Counter, powerOf, type Reading, type Source, silent } from '../../src/core/source.ts';
import { monotonic, names, read, readNumber } from './reading.ts';
import type { Found, Sensor } from './sensor.ts';

/** Power monitors with a Linux driver: INA219 to INA780, INA3221, LTC and Power-Z; microwatts, or millivolts and milliamperes. */

const ROOT = '/sys/class/hwmon';
const CHIPS = /^(ina\d{3,4}|sq52206|ltc\d{4}|isl28022|powerz)$/;

/** One place where a chip measures. `read` gives W or J. */
interface Channel {
  label: string;
  kind: 'counter' | 'power';
  read(): Promise<number | null>;
}

export const hwmon: Sensor = {
  name: 'hwmon',
  async find(host: Host, settings: SensorSettings): Promise<Partial<Found>> {
    const sources: Source[] = [];
    for (const entry of (await names(host, ROOT)).filter((name) => /^hwmon\d+$/.test(name))) {
      const folder = `${ROOT}/${entry}`;
      const chip = await read(host, `${folder}/name`);
      if (chip === null || !CHIPS.test(chip)) continue;
      const all = await channelsOf(host, folder);
      const first = await Promise.all(all.map((channel) => channel.read()));
      const channels = all.filter((_, i) => first[i] !== null); // one that is switched off has its files, and no figure in them
      // One chip on a board's input and its rails: the input holds the rails.
      const input = channels.find(({ label }) => /^(VDD_IN|POM_5V_IN)$/.test(label));
      const used = input ? [input] : channels;
      const scope = settings.hwmon?.scope ?? (input ? 'dc_input' : 'board_rails_partial');
      const name = `hwmon-${chip}${sources.some((known) => known.name === `hwmon-${chip}`) ? `-${entry.slice(5)}` : ''}`;
      if (used.length > 0)
        sources.push(source(name, `${chip} (${used.map(({ label }) => label).join(' + ')})`, scope, used, settings.hwmon?.scale ?? 1));
    }
    return { sources };
  },
};

async function channelsOf(host: Host, folder: string): Promise<Channel[]> {
  const files = new Set(await names(host, folder));
  const file = (name: string, unit: number) => async () => scaled(await readNumber(host, `${folder}/${name}`), unit);
  const label = async (name: string, otherwise: string) => (files.has(name) && (await read(host, `${folder}/${name}`))) || otherwise;
  if (files.has('energy1_input')) return [{ label: await label('energy1_label', 'energy1'), kind: 'counter', read: file('energy1_input', 1e6) }];
  const numbers = (pattern: RegExp) => [...files].flatMap((name) => pattern.exec(name)?.[1] ?? []).sort();
  const powers = numbers(/^power(\d+)_input$/);
  if (powers.length > 0) {
    return Promise.all(
      powers.map(async (n): Promise<Channel> => {
        return { label: await label(`power${n}_label`, `power${n}`), kind: 'power', read: file(`power${n}_input`, 1e6) };
      }),
    );
  }
  // INA3221: in1 to in3 are the buses of curr1 to curr3; in4 and beyond are shunts and sums.
  const pairs = numbers(/^curr([1-3])_input$/).filter((n) => files.has(`in${n}_input`));
  return Promise.all(
    pairs.map(async (n): Promise<Channel> => {
      const [volts, amperes] = [file(`in${n}_input`, 1e3), file(`curr${n}_input`, 1e3)];
      return { label: await label(`in${n}_label`, `in${n}`), kind: 'power', read: async () => product(await volts(), await amperes()) };
    }),
  );
}

function source(name: string, detail: string, scope: Scope, channels: readonly Channel[], scale: number): Source {
  const counters = channels.map(() => new Counter(null));
  return {
    ...{ name, scope, detail: scale === 1 ? detail : `${detail}, x ${scale}` },
    ...{ period: 0.1, refresh: 0.1, close: async () => {} },
    async read(): Promise<Reading> {
      const values = await Promise.all(channels.map((channel) => channel.read()));
      if (values.some((value) => value === null)) return silent('a channel cannot be read any more');
      const now = monotonic();
      const joules = channels.map(({ kind }, i) => (kind === 'counter' ? (counters[i] as Counter).add((values[i] as number) * scale, now) : null));
      if (joules.every((value) => value !== null)) return { watts: null, joules: joules.reduce((sum, value) => sum + value, 0), why: null };
      return powerOf(values.reduce<number>((sum, value) => sum + (value as number), 0) * scale);
    },
  };
}

function scaled(value: number | null, unit: number): number | null {
  return value === null ? null : value / unit;
}

function product(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.abs(a * b);
}
