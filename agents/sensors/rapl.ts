import type { Host } from '../../src/core/host.ts';
import { Counter, type Reading, type Source, silent } from '../../src/core/source.ts';
import { monotonic, names, read, readNumber, tryRead } from './reading.ts';
import type { Found, Sensor } from './sensor.ts';

/** Counters of Intel and AMD processors: Linux's powercap, energy_uj with wrap-around at max_energy_range_uj. */

const ROOT = '/sys/class/powercap';
/** Update of the counters is about 1 ms; the wrap-around needs a reading every few minutes. */
const PERIOD = 0.2;

interface Zone {
  name: string;
  path: string;
  range: number | null;
}

export const rapl: Sensor = { name: 'rapl', find };

async function find(host: Host): Promise<Partial<Found>> {
  // intel-rapl:0 is a package, intel-rapl:0:1 a part of it; intel-rapl-mmio is a second way to the same counters.
  const entries = (await names(host, ROOT)).filter((name) => /^intel-rapl(-mmio)?:\d+(:\d+)?$/.test(name)).sort((a, b) => rank(a) - rank(b));
  const zones = new Map<string, Zone>();
  const denied: string[] = [];
  for (const entry of entries) {
    const path = `${ROOT}/${entry}`;
    const name = await read(host, `${path}/name`);
    if (name === null || !/^(package-\d+(-die-\d+)?|dram|psys)$/.test(name)) continue; // core and uncore are inside the package
    const of = name === 'dram' ? `dram of ${entry.replace(/-mmio/, '').split(':')[1]}` : name;
    if (zones.has(of)) continue;
    const energy = await tryRead(host, `${path}/energy_uj`);
    if (energy.denied) denied.push(`${path}/energy_uj`);
    if (energy.text === null || !/^\d+$/.test(energy.text.trim())) continue;
    const range = await readNumber(host, `${path}/max_energy_range_uj`);
    zones.set(of, { name, path: `${path}/energy_uj`, range: range === null ? null : range / 1e6 });
  }
  const all = [...zones.values()];
  const packages = all.filter(({ name }) => name.startsWith('package'));
  const inside = packages.length > 0 ? all.filter(({ name }) => name === 'dram') : [];
  const psys = all.filter(({ name }) => name === 'psys');
  const sources = [
    ...(packages.length > 0 ? [source(host, 'rapl', 'cpu_package', [...packages, ...inside])] : []),
    ...(psys.length > 0 ? [source(host, 'rapl-psys', 'soc_estimate', psys)] : []),
  ];
  return { sources, problems: denied.length > 0 ? [refused(denied[0] as string)] : [] };
}

function rank(entry: string): number {
  return entry.includes('mmio') ? 1 : 0;
}

function refused(path: string): string {
  return (
    `RAPL is there, but ${path} may be read by root alone (since Linux 5.10); until the next start of the device: sudo chmod o+r ${path}; ` +
    `for good, in /etc/udev/rules.d/99-rapl.rules: SUBSYSTEM=="powercap", RUN+="/bin/chmod o+r /sys/%p/energy_uj"`
  );
}

function source(host: Host, name: string, scope: Source['scope'], zones: readonly Zone[]): Source {
  const counters = zones.map(({ range }) => new Counter(range));
  return {
    name,
    scope,
    detail: zones.map((zone) => `${zone.name} (${zone.path.split('/').at(-2)})`).join(' + '),
    period: PERIOD,
    refresh: 0.001,
    async read(): Promise<Reading> {
      const values = await Promise.all(zones.map(({ path }) => readNumber(host, path)));
      if (values.some((value) => value === null)) return silent('a counter cannot be read any more');
      const now = monotonic();
      const joules = values.reduce<number>((sum, value, i) => sum + (counters[i] as Counter).add((value as number) / 1e6, now), 0);
      return { watts: null, joules, why: null };
    },
    close: async () => {},
  };
}
