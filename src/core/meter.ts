import { z } from 'zod';
import { ScopeName } from './scope_name.ts';

/** Units a meter may speak in, and what one of them is in W or J. */
export const METER_UNITS = {
  W: { kind: 'power', factor: 1 },
  mW: { kind: 'power', factor: 1e-3 },
  uW: { kind: 'power', factor: 1e-6 },
  kW: { kind: 'power', factor: 1e3 },
  J: { kind: 'energy', factor: 1 },
  mJ: { kind: 'energy', factor: 1e-3 },
  uJ: { kind: 'energy', factor: 1e-6 },
  mWh: { kind: 'energy', factor: 3.6 },
  Wh: { kind: 'energy', factor: 3600 },
  kWh: { kind: 'energy', factor: 3.6e6 },
} as const;
export type MeterUnit = keyof typeof METER_UNITS;

/** Names of the sources that devices have themselves: their figures must not mix with a meter's. */
const SENSORS = /^(rapl|rapl-psys|pmic|pmic-corrected|battery|phone-battery|termux|tegrastats|ina3221x|powermetrics|ioreg|tdp|hwmon.*)$/;

const unit = z.enum(Object.keys(METER_UNITS) as [MeterUnit, ...MeterUnit[]]);
const pattern = z.string().refine(compiles, 'a regular expression with one group that holds the figure');
const common = {
  /** What the figures are called in results; default: the type. */
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,30}$/)
    .refine((name) => !SENSORS.test(name), "is what a device's own sensor is called; take another name")
    .optional(),
  /** Seconds between two questions. */
  period: z.number().min(0.05).max(60).optional(),
};
const address = z
  .url({ protocol: /^https?$/ })
  .refine((text) => new URL(text).password === '' && new URL(text).username === '', 'no password in it: give `user:` and `password_env:`');
const web = { ...common, url: address, scope: ScopeName.default('wall_ac') };
const login = {
  user: z.string().optional(),
  /** Name of the environment variable that holds the password. Never the password itself. */
  password_env: z.string().optional(),
};
const program = {
  command: z.array(z.string().min(1)).min(1),
  /** The machine it runs on, where that is not the controller: a device's id, or user@host. */
  on: z.string().min(1).optional(),
};

/** A power meter beside a device: `meters:` of its file. It is read by the controller, or by a program on another machine. */
export const Meter = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('shelly'), ...web, ...login, channel: z.int().nonnegative().default(0) }),
  z.strictObject({ type: z.literal('tasmota'), ...web, ...login }),
  /** `token_env`: the environment variable that holds a long-lived token. */
  z.strictObject({ type: z.literal('home-assistant'), ...web, entity: z.string().regex(/^sensor\.[a-z0-9_]+$/), token_env: z.string() }),
  /** Any address: the first group of `pattern` in its answer is the figure. */
  z.strictObject({ type: z.literal('url'), ...web, ...login, scope: ScopeName, pattern, unit }),
  /** Any program that prints and ends: the same. */
  z.strictObject({ type: z.literal('command'), ...common, ...program, scope: ScopeName, pattern, unit }),
  /** Any program that goes on printing lines {"watts": 3.21} or {"joules": 1234.5}, at most 200 a second: serial and USB meters. */
  z.strictObject({ type: z.literal('pipe'), ...common, ...program, scope: ScopeName }),
]);
export type Meter = z.infer<typeof Meter>;

/** The machine that a meter's program runs on, as its file names it; null: the controller. */
export function hostOfMeter(meter: Meter): string | null {
  return (meter.type === 'command' || meter.type === 'pipe') && meter.on !== undefined ? meter.on : null;
}

function compiles(text: string): boolean {
  try {
    return (new RegExp(`${text}|`).exec('')?.length ?? 0) === 2;
  } catch {
    return false;
  }
}
