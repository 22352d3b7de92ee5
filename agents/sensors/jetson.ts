import type { Host } from '../../src/core/host.ts';
import type { Scope } from '../../src/core/scope.ts';
import { powerOf, type Source } from '../../src/core/source.ts';
import { firstLine, stream } from '../../src/core/stream.ts';
import { names, read, readNumber } from './reading.ts';
import type { Found, Gauge, Sensor } from './sensor.ts';

/** NVIDIA Jetson boards: tegrastats, and the INA3221 driver of JetPack 4, whose files are milliwatts. */

const INTERVAL = 0.1;

/** Rails of a tegrastats line, W now: "VDD_IN 4556mW/4556mW", or "POM_5V_IN 1234/1234" of older systems. The second figure is a mean since its start. */
export function tegrastatsOf(line: string): Map<string, number> {
  return new Map(
    [...line.matchAll(/\b((?:VDD|VIN|POM)_[A-Z0-9_]+) (\d+)(?:mW)?\/\d+(?:mW)?(?=\s|$)/g)].map(([, rail, mw]) => [rail as string, Number(mw) / 1e3]),
  );
}

/** Temperatures of a tegrastats line, degC; sensors that are off (-256) are left out. */
export function tegraTemperatures(line: string): Map<string, number> {
  return new Map(
    [...line.matchAll(/\b(\w+)@(-?\d+(?:\.\d+)?)C\b/g)].map(([, name, t]) => [name as string, Number(t)] as const).filter(([, t]) => t > -100),
  );
}

/** The whole board where one rail is its input; else the sum of what there is. */
export function boardPower(rails: ReadonlyMap<string, number>): { watts: number; scope: Scope; rails: string[] } | null {
  for (const input of ['VDD_IN', 'POM_5V_IN']) {
    const watts = rails.get(input);
    if (watts !== undefined) return { watts, scope: 'dc_input', rails: [input] };
  }
  if (rails.size === 0) return null;
  return { watts: [...rails.values()].reduce((sum, watts) => sum + watts, 0), scope: 'board_rails_partial', rails: [...rails.keys()] };
}

export const tegrastats: Sensor = {
  name: 'tegrastats',
  async find(host: Host): Promise<Partial<Found>> {
    const argv = ['tegrastats', '--interval', String(INTERVAL * 1000)];
    const line = await firstLine(host, argv);
    const power = boardPower(tegrastatsOf(line ?? ''));
    if (line === null || !power) return {};
    let last = tegraTemperatures(line);
    const gauges = [...last.keys()]
      .filter((name) => /cpu|tj/i.test(name))
      .map((label): Gauge => ({ label, kind: 'temperature', read: async () => last.get(label) ?? null }));
    const source: Source = stream(host, {
      ...{ name: 'tegrastats', scope: power.scope, detail: `tegrastats: ${power.rails.join(' + ')}`, refresh: INTERVAL, argv },
      take(text) {
        last = tegraTemperatures(text);
        return powerOf(boardPower(tegrastatsOf(text))?.watts ?? null, 'a line of tegrastats had no power');
      },
    });
    return { sources: [source], gauges };
  },
};

const DRIVER = '/sys/bus/i2c/drivers/ina3221x';

export const ina3221x: Sensor = {
  name: 'ina3221x',
  async find(host: Host): Promise<Partial<Found>> {
    const rails = new Map<string, string>();
    for (const chip of (await names(host, DRIVER)).filter((name) => /^\d+-00\w\w$/.test(name))) {
      for (const device of (await names(host, `${DRIVER}/${chip}`)).filter((name) => name.startsWith('iio:device'))) {
        const folder = `${DRIVER}/${chip}/${device}`;
        for (const n of [0, 1, 2]) {
          const rail = await read(host, `${folder}/rail_name_${n}`);
          if (rail !== null && (await readNumber(host, `${folder}/in_power${n}_input`)) !== null) rails.set(rail, `${folder}/in_power${n}_input`);
        }
      }
    }
    const now = async () => {
      const values = await Promise.all([...rails].map(async ([rail, path]) => [rail, await readNumber(host, path)] as const));
      return boardPower(new Map(values.flatMap(([rail, mw]) => (mw === null ? [] : [[rail, mw / 1e3] as const]))));
    };
    const first = await now();
    if (!first) return {};
    return {
      sources: [
        {
          ...{ name: 'ina3221x', scope: first.scope, detail: first.rails.join(' + '), period: 0.1, refresh: 0.1 },
          async read() {
            const power = await now();
            return powerOf(power?.rails.join() === first.rails.join() ? power.watts : null, 'a rail cannot be read any more');
          },
          close: async () => {},
        },
      ],
    };
  },
};
