import { type Device, isEmulated } from '../core/device.ts';
import { reason } from '../core/errors.ts';
import type { StoredDevice, StoreReader } from '../core/store.ts';

/** A device as GET /api/devices gives it: what is declared beside what is stored. How to log in to it stays here. */
export interface ShownDevice extends StoredDevice {
  declared: boolean;
  profile: string | null;
  connector: Device['connector'] | null;
  tags: string[];
  cooling: string | null;
  power_meter: string | null;
  emulated: boolean;
}

/** Declared and measured devices together, by id. `problem` says why the declared ones could not be read. */
export async function listDevices(
  store: StoreReader,
  declare: () => Promise<readonly Device[]>,
): Promise<{ devices: ShownDevice[]; problem: string | null }> {
  let problem: string | null = null;
  let declared: readonly Device[] = [];
  try {
    declared = await declare();
  } catch (error) {
    problem = reason(error);
  }
  const found = new Map(store.devices().map((device) => [device.id, shown(device, undefined)]));
  for (const device of declared) found.set(device.id, shown(found.get(device.id) ?? unseen(device), device));
  return { devices: [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1)), problem };
}

function unseen({ id }: Device): StoredDevice {
  return { id, title: null, facts: null, epoch: null, probed: null, runs: 0, lastRun: null };
}

function shown(stored: StoredDevice, device: Device | undefined): ShownDevice {
  const { id, facts, epoch, probed, runs, lastRun } = stored;
  return {
    ...{ id, title: device?.title ?? stored.title, facts, epoch, probed, runs, lastRun },
    declared: device !== undefined,
    profile: device?.profile ?? null,
    connector: device?.connector ?? null,
    tags: device?.tags ?? [],
    cooling: device?.cooling ?? null,
    power_meter: device?.power_meter ?? null,
    emulated: isEmulated(device ?? { emulated: false }, facts),
  };
}
