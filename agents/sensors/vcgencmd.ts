import type { Host } from '../../src/core/host.ts';
import { ask } from './reading.ts';
import type { Found, Gauge, Sensor } from './sensor.ts';

/** What else the firmware of a Raspberry Pi tells: throttling, clock and temperature. */

/** Bits of get_throttled: now, and 16 places higher since the last start of the device. */
const BITS = ['undervolted', 'capped', 'throttled', 'hot'] as const;
export type PiAlarm = (typeof BITS)[number];

export interface PiState {
  now: PiAlarm[];
  /** Sticky until the device is started again. */
  ever: PiAlarm[];
}

/** "throttled=0x50005" as names; null for anything else. */
export function throttledOf(text: string): PiState | null {
  const found = /^throttled=0x([0-9a-f]{1,8})\s*$/i.exec(text);
  if (!found) return null;
  const bits = Number.parseInt(found[1] as string, 16);
  return {
    now: BITS.filter((_, i) => bits & (1 << i)),
    ever: BITS.filter((_, i) => bits & (1 << (i + 16))),
  };
}

export async function piState(host: Host): Promise<PiState | null> {
  const { ok, stdout } = await ask(host, ['vcgencmd', 'get_throttled']);
  return ok ? throttledOf(stdout) : null;
}

/** The figure after "=": names of rails hold digits too ("EXT5V_V volt(24)=5.1V"). */
export function figureOf(text: string): number | null {
  const found = /^[^=]*=(-?\d+(?:\.\d+)?)/.exec(text);
  return found ? Number(found[1]) : null;
}

export const vcgencmd: Sensor = {
  name: 'vcgencmd',
  async find(host: Host): Promise<Partial<Found>> {
    if ((await piState(host)) === null) return {};
    const gauge = (label: string, kind: Gauge['kind'], ...what: string[]): Gauge => ({
      ...{ label, kind },
      async read() {
        const { ok, stdout } = await ask(host, ['vcgencmd', ...what]);
        const value = ok ? figureOf(stdout) : null;
        return value === 0 && kind === 'frequency' ? null : value;
      },
    });
    return { gauges: [gauge('vcgencmd', 'temperature', 'measure_temp'), gauge('arm', 'frequency', 'measure_clock', 'arm')] };
  },
};
