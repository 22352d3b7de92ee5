import { type Device, isEmulated, type Profile } from '../core/device.ts';
import { reason } from '../core/errors.ts';
import type { ShownDevice } from '../core/shown_device.ts';
import type { StoredDevice, StoreReader } from '../core/store.ts';

/** Measured devices in one answer. */
const MOST = 2000;

/** What is declared: devices, and profiles by id. */
export interface Declared {
  devices: readonly Device[];
  profiles: Readonly<Record<string, Profile>>;
}

/** Declared and measured devices together, by id. `problem` says why the declared ones could not be read. */
export async function listDevices(store: StoreReader, declare: () => Promise<Declared>): Promise<{ devices: ShownDevice[]; problem: string | null }> {
  let problem: string | null = null;
  let declared: Declared = { devices: [], profiles: {} };
  try {
    declared = await declare();
  } catch (error) {
    problem = reason(error);
  }
  const found = new Map(store.devices(MOST).map((device) => [device.id, shown(device)]));
  for (const device of declared.devices)
    found.set(device.id, shown(found.get(device.id) ?? unseen(device), device, declared.profiles[device.profile ?? '']));
  return { devices: [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1)), problem };
}

function unseen({ id }: Device): StoredDevice {
  return { id, title: null, facts: null, epoch: null, probed: null, runs: 0, lastRun: null, newest: null };
}

function shown(stored: StoredDevice, device?: Device, profile?: Profile): ShownDevice {
  const { id, facts, epoch, probed, runs, lastRun, newest } = stored;
  return {
    ...{ id, title: device?.title ?? stored.title, facts, epoch, probed, runs, lastRun, newest },
    declared: device !== undefined,
    profile: device?.profile ?? null,
    connector: device?.connector ?? null,
    tags: device?.tags ?? [],
    cooling: device?.cooling ?? null,
    power_meter: device?.power_meter ?? null,
    emulated: isEmulated(device ?? { emulated: false }, facts),
    bandwidth: profile?.bandwidth ?? null,
  };
}
