import { groupsBy } from '../src/core/groups.ts';
import type { StoredSetting } from '../src/core/setting.ts';
import type { ShownDevice } from '../src/core/shown_device.ts';

/** Where the limit of a device's memory comes from, the best first: read by trit, of its data sheet, or what decode reached. */
export type Origin = 'measured' | 'profile' | 'seen';

/** One device: its limits, and what was reached below them. */
export interface Roof {
  device: string;
  /** Bytes a second. */
  bandwidth: number | null;
  origin: Origin;
  /** By its profile, which has it from a data sheet. */
  expected: number | null;
  /** Bytes of weights a second that its best prefill works through: there each weight read serves many tokens, so arithmetic is the limit. */
  compute: number | null;
  points: Place[];
}

export interface Place {
  setting: StoredSetting;
  /** Bytes read for a token, and tokens a second. */
  bytes: number;
  rate: number;
  /** Of the memory's limit; null where that is not known. */
  share: number | null;
}

/** The roof of every device that has a decode rate with its bytes, and the best setting of each model below it. */
export function roofsOf(settings: readonly StoredSetting[], devices: readonly Pick<ShownDevice, 'id' | 'bandwidth'>[]): Roof[] {
  const placed = settings.filter(({ valid, metrics }) => valid && metrics.decode_rate && metrics.bytes_per_token);
  return groupsBy(placed, ({ device }) => device).map((own) => {
    const { device } = own[0];
    const expected = devices.find(({ id }) => id === device)?.bandwidth ?? null;
    const seen = Math.max(...own.map(reached));
    const measured = Math.max(...own.map(({ metrics }) => metrics.read_bandwidth?.value ?? 0));
    const origin = measured > 0 ? 'measured' : expected === null ? 'seen' : 'profile';
    const bandwidth = { measured, profile: expected, seen: seen > 0 ? seen : null }[origin];
    const prefills = own.flatMap(({ metrics }) => (metrics.prefill_rate?.value ?? 0) * (metrics.bytes_per_token?.value ?? 0) || []);
    const best = new Map<string, StoredSetting>();
    for (const setting of own) {
      const known = best.get(setting.model);
      if (!known || rateOf(known) < rateOf(setting)) best.set(setting.model, setting);
    }
    const points = [...best.values()].map((setting): Place => {
      const bytes = setting.metrics.bytes_per_token?.value as number;
      return { setting, bytes, rate: rateOf(setting), share: bandwidth === null ? null : reached(setting) / bandwidth };
    });
    return { device, bandwidth, origin, expected, compute: prefills.length > 0 ? Math.max(...prefills) : null, points };
  });
}

function rateOf({ metrics }: StoredSetting): number {
  return metrics.decode_rate?.value ?? 0;
}

/** Bytes a second that decode read. */
function reached(setting: StoredSetting): number {
  return rateOf(setting) * (setting.metrics.bytes_per_token?.value ?? 0);
}
