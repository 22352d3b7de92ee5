import type { Host } from '../../src/core/host.ts';
import { ask, shared } from './reading.ts';
import type { Found, Gauge, Sensor } from './sensor.ts';

/** Android's own services, for those who may ask them (adb shell, root, or the permission DUMP). They tell heat and charger, no current. */

const DUMPSYS = '/system/bin/dumpsys';

/** The indented "key: value" lines of `dumpsys battery` before its first empty line or event log. */
export function dumpsysBattery(text: string): Map<string, string> {
  const [first = '', ...lines] = text.split('\n');
  const found = new Map<string, string>();
  if (!first.startsWith('Current Battery Service state')) return found;
  for (const line of lines) {
    if (/^\s*(\[|$)/.test(line)) break;
    const [, key, value] = /^\s+([^:]+): (.*)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined && !found.has(key)) found.set(key, value.trim());
  }
  return found;
}

const STATUS = ['', 'unknown', 'charging', 'discharging', 'not charging', 'full'];

/** "charging", "discharging" ...; null where it does not say. */
export function dumpsysStatus(text: string): string | null {
  return STATUS[Number(dumpsysBattery(text).get('status'))] || null;
}

/** Android's words for how much it throttles, by number. */
export const THERMAL_STATUS = ['none', 'light', 'moderate', 'severe', 'critical', 'emergency', 'shutdown'] as const;

export interface ThermalService {
  /** Place in THERMAL_STATUS. */
  status: number | null;
  /** degC by name, processor only (mType 0), as its hardware tells now: the cached ones may be old. */
  cpu: Map<string, number>;
}

export function thermalService(text: string): ThermalService {
  const status = /^Thermal Status: (\d+)/m.exec(text)?.[1];
  const current = text.split('Current temperatures from HAL:')[1]?.split(/^\S/m, 2) ?? [];
  const cpu = [...(current[0] ?? '').matchAll(/Temperature\{mValue=(-?[\d.]+), mType=0, mName=([^,}]+)/g)];
  return { status: status === undefined ? null : Number(status), cpu: new Map(cpu.map(([, value, name]) => [name as string, Number(value)])) };
}

/** How much an Android device throttles now; null where it is none, or does not tell. */
export async function thermalStatus(host: Host): Promise<number | null> {
  return thermalService((await ask(host, [DUMPSYS, 'thermalservice'])).stdout).status;
}

export const dumpsys: Sensor = {
  name: 'dumpsys',
  async find(host: Host): Promise<Partial<Found>> {
    const thermal = () => ask(host, [DUMPSYS, 'thermalservice']);
    const first = await thermal();
    if (first.absent) return {};
    if (first.late)
      return { problems: ['dumpsys thermalservice did not answer in time: no temperatures of this phone; it may help to start it anew'] };
    if (/Permission Denial/.test(first.stdout + first.stderr))
      return { problems: ['dumpsys may not be asked: from a PC, adb shell pm grant com.termux android.permission.DUMP'] };
    const now = shared(0.5, async () => thermalService((await thermal()).stdout)); // for all its processors
    const labels = [...thermalService(first.stdout).cpu.keys()];
    return { gauges: labels.map((label): Gauge => ({ label, kind: 'temperature', read: async () => (await now()).cpu.get(label) ?? null })) };
  },
};
