import type { Device } from './device.ts';
import type { StoredDevice } from './store.ts';

/** A device as GET /api/devices gives it: what is declared beside what is stored. How to log in to it stays with the server. */
export interface ShownDevice extends StoredDevice {
  declared: boolean;
  profile: string | null;
  connector: Device['connector'] | null;
  tags: string[];
  cooling: string | null;
  power_meter: string | null;
  emulated: boolean;
  /** What its memory should deliver, by its profile; bytes a second. */
  bandwidth: number | null;
}
