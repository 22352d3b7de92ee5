import { z } from 'zod';
import type { Host } from '../../src/core/host.ts';
import { parsed } from '../../src/core/parsed.ts';
import type { SensorSettings } from '../../src/core/sensor_settings.ts';
import { silent } from '../../src/core/source.ts';
import { CurrentUnit } from './current.ts';
import { ask, type Said } from './reading.ts';
import type { Found, Sensor } from './sensor.ts';

/** Android through Termux:API. Without its app the program never ends, so it is given a time limit. */

const COMMAND = ['termux-battery-status'];
const LIMIT = 5000;

/** Figures may be strings, and missing where the phone does not tell. */
const figure = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^-?\d+(\.\d+)?$/)
      .transform(Number),
  ])
  .nullish()
  .transform((value) => value ?? null);
const word = z
  .string()
  .nullish()
  .transform((value) => value ?? null);

export const TermuxBattery = z.object({ status: word, plugged: word, temperature: figure, voltage: figure, current: figure, percentage: figure });
export type TermuxBattery = z.infer<typeof TermuxBattery>;

/** What termux-battery-status printed; null where that is no such answer. */
export function termuxBattery(text: string): TermuxBattery | null {
  return parsed(TermuxBattery, text);
}

export const termux: Sensor = {
  name: 'termux',
  async find(host: Host, settings: SensorSettings): Promise<Partial<Found>> {
    const first = await ask(host, COMMAND, LIMIT);
    if (first.absent) return {};
    const told = first.ok ? termuxBattery(first.stdout) : null;
    if (!told) return { problems: [complaint(first)] };
    const unit = new CurrentUnit(settings.battery);
    const now = async () => {
      const said = await ask(host, COMMAND, LIMIT);
      return { said, told: said.ok ? termuxBattery(said.stdout) : null };
    };
    const gauges =
      told.temperature === null
        ? []
        : [{ label: 'battery', kind: 'temperature' as const, read: async () => (await now()).told?.temperature ?? null }];
    if (told.current === null || told.voltage === null) return { problems: ['termux-battery-status tells no current or no voltage on this phone'] };
    return {
      gauges,
      sources: [
        {
          ...{ name: 'termux', scope: 'system_battery', period: 1, refresh: 1, close: async () => {} },
          get detail() {
            return `termux-battery-status, current in ${unit.name}`;
          },
          async read() {
            const { said, told } = await now();
            if (!told) return silent(complaint(said));
            if (told.current === null || told.voltage === null) return silent('termux-battery-status told no current');
            // voltage is mV; on some phones V
            return unit.power(told.current, told.voltage > 100 ? told.voltage / 1e3 : told.voltage, told.status);
          },
        },
      ],
    };
  },
};

function complaint(said: Said): string {
  return said.late
    ? `termux-battery-status did not answer within ${LIMIT / 1000} s: install the app Termux:API from the place Termux came from, and open it once`
    : `termux-battery-status gave no battery status: ${JSON.stringify((said.stderr || said.stdout).slice(0, 80))}`;
}
