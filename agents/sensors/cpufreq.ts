import { cpuRanges } from '../../src/core/facts.ts';
import type { Host } from '../../src/core/host.ts';
import { names, read, readNumber } from './reading.ts';
import type { Found, Sensor } from './sensor.ts';

/** Clocks as Linux's cpufreq tells them. A Raspberry Pi's are what was asked for: its firmware's own figure stands before it. */

const CPUS = '/sys/devices/system/cpu';

/** One clock domain. */
export interface Policy {
  folder: string;
  cpus: number[];
  governor: string | null;
  driver: string | null;
  /** Highest clock of the hardware, Hz. */
  highest: number | null;
}

export async function policies(host: Host): Promise<Policy[]> {
  const found: Policy[] = [];
  for (const name of (await names(host, `${CPUS}/cpufreq`)).filter((entry) => /^policy\d+$/.test(entry))) {
    const folder = `${CPUS}/cpufreq/${name}`;
    const [affected, governor, driver, highest] = await Promise.all([
      read(host, `${folder}/affected_cpus`),
      read(host, `${folder}/scaling_governor`),
      read(host, `${folder}/scaling_driver`),
      readNumber(host, `${folder}/cpuinfo_max_freq`),
    ]);
    const cpus = (affected ?? name.slice(6)).split(/\s+/).map(Number).filter(Number.isInteger);
    found.push({ folder, cpus, governor, driver, highest: highest === null ? null : highest * 1000 });
  }
  return found;
}

/** Time spent at each clock since the device was started: seconds by Hz, of the lines "kHz ticks" (10 ms each). */
export function timeInState(text: string): Map<number, number> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const [, khz, ticks] = /^(\d+) (\d+)$/.exec(line.trim()) ?? [];
      return khz === undefined ? [] : [[Number(khz) * 1000, Number(ticks) / 100] as const];
    }),
  );
}

/** time_in_state of a domain; empty where its driver keeps none (intel_pstate, amd-pstate). */
export async function statesOf(host: Host, policy: Policy): Promise<Map<number, number>> {
  return timeInState((await read(host, `${policy.folder}/stats/time_in_state`)) ?? '');
}

/** The clock that cores must hold under load, Hz: the highest one, or on PCs, whose highest is for one core alone, the base clock. */
export async function targetClock(host: Host, used: readonly Policy[]): Promise<number | null> {
  const clocks = await Promise.all(
    used.map(async ({ driver, highest, cpus }) => {
      if (!/pstate|acpi-cpufreq/.test(driver ?? '')) return highest;
      const base = await readNumber(host, `${CPUS}/cpu${cpus[0]}/cpufreq/base_frequency`);
      return base === null ? null : base * 1000;
    }),
  );
  const known = clocks.filter((clock) => clock !== null);
  return known.length === 0 || known.length < clocks.length ? null : Math.min(...known);
}

export const cpufreq: Sensor = {
  name: 'cpufreq',
  async find(host: Host): Promise<Partial<Found>> {
    const all = await policies(host);
    const gauges = all.map(({ folder, cpus }) => ({
      label: `cpu ${cpuRanges(cpus)}`,
      kind: 'frequency' as const,
      cpus,
      async read() {
        const khz = await readNumber(host, `${folder}/scaling_cur_freq`);
        return khz === null || khz <= 0 ? null : khz * 1000;
      },
    }));
    const readings = await Promise.all(gauges.map((one) => one.read()));
    return { gauges: gauges.filter((_, i) => readings[i] !== null) };
  },
};
