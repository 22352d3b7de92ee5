import { z } from 'zod';
import type { Facts } from './facts.ts';
import { Meter } from './meter.ts';
import { SensorSettings } from './sensor_settings.ts';

const name = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'lower-case letters, digits, dot, dash and underscore');

/** Known facts of a class of device: devices/profiles/<id>.yaml. */
export const Profile = z.strictObject({
  title: z.string(),
  soc: z.string().optional(),
  cores: z.array(z.strictObject({ count: z.int().positive(), name: z.string() })).optional(),
  memory: z.string().optional(),
  /** Expected memory bandwidth, bytes a second. */
  bandwidth: z.number().positive().optional(),
  /** Of its fast cores under load, Hz. */
  clock: z.number().positive().optional(),
  /** Memory that programs may have, bytes. */
  ram: z.number().positive().optional(),
  /** What its disk or card gives, B/s. */
  disk: z.number().positive().optional(),
  /** CPU model for -mcpu= and for qemu-user. */
  mcpu: z.string().optional(),
  power: z.string().optional(),
  /** What must be told of the sensors of all such devices; a device's own file stands before it. */
  sensors: SensorSettings.optional(),
  note: z.string().optional(),
  /** What facts of such devices hold, whatever the case of letters: how `fleet devices add` knows them. */
  match: z.strictObject({ board: z.string().optional(), cpu: z.string().optional(), machine: z.string().optional() }).optional(),
});
export type Profile = z.infer<typeof Profile>;

/** A machine we declare: devices/<id>.yaml. */
export const Device = z.strictObject({
  id: name,
  title: z.string().optional(),
  profile: name.optional(),
  connector: z.enum(['local', 'ssh', 'replay']).default('ssh'),
  host: z.string().optional(),
  port: z.int().min(1).max(65535).optional(),
  user: z.string().optional(),
  /** Private key file; otherwise ~/.ssh/config, the agent and the default keys are tried. */
  identity: z.string().optional(),
  /** Name of the environment variable that holds the password; otherwise it is asked for. Never the password itself. */
  password_env: z.string().optional(),
  /** ProxyJump: "user@host:port", several separated by commas. */
  jump: z.string().optional(),
  /** Recorded probe to replay (connector replay), relative to the device's file. */
  recording: z.string().optional(),
  /** Folder on the device for binaries, models and journals; default ~/.cache/fleet. */
  workdir: z.string().optional(),
  /** CPUs to pin threads to, as in taskset: "4-7". */
  cpus: z
    .string()
    .regex(/^\d+(-\d+)?(,\d+(-\d+)?)*$/)
    .optional(),
  tags: z.array(z.string()).default([]),
  cooling: z.string().optional(),
  power_meter: z.string().optional(),
  /** Meters beside the device, read by the controller. */
  meters: z.array(Meter).optional(),
  /** What the device does not tell of its own sensors. */
  sensors: SensorSettings.optional(),
  /** A folder on the device that stands for /sys, /proc and the sensors' programs (bin/): a play of a device, for tests. Its runs are marked. */
  lab: z.string().startsWith('/').optional(),
  emulated: z.boolean().default(false),
});
export type Device = z.infer<typeof Device>;

/** Whether timings on a device mean nothing: its file says so, or the device itself when it was probed. */
export function isEmulated(device: Pick<Device, 'emulated'>, facts: Pick<Facts, 'emulator'> | null): boolean {
  return device.emulated || (facts?.emulator ?? null) !== null;
}
