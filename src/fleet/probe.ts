import { FleetError, reason } from '../core/errors.ts';
import { Facts } from '../core/facts.ts';
import { chargerOf } from '../core/supply.ts';
import type { Connection } from './connection.ts';
import { PROBE_SCRIPT } from './probe_script.ts';
import {
  availableOf,
  boardOf,
  clean,
  coresOf,
  cpuOf,
  diskFreeOf,
  distributionOf,
  emulatorOf,
  featuresOf,
  firmwareOf,
  libcOf,
  memoryOf,
  nodeOf,
  number,
  pageSizeOf,
  sectionsOf,
  suppliesOf,
  sysctlOf,
  temperatureOf,
} from './probe_sections.ts';

const TIMEOUT_MS = 60_000;

/** Asks a device what it is. Makes its work folder. Throws a FleetError where it does not answer, or not sensibly. */
export async function probe(connection: Connection): Promise<Facts> {
  const { device } = connection;
  const env = { FLEET_WORKDIR: device.workdir ?? '' };
  const answer = await connection.exec(['sh', '-s', 'fleet-probe'], { input: PROBE_SCRIPT, env, timeoutMs: TIMEOUT_MS });
  const offset = device.connector === 'replay' ? null : ((await clockOffset(connection))?.offset ?? null);
  const sections = sectionsOf(answer.stdout);
  if (!sections.has('end')) {
    const why = reason(answer.stderr.trim()) || `status ${answer.code}`;
    throw new FleetError(`device ${device.id}: the probe did not come to its end (${why}); is its sh a POSIX shell?`);
  }
  return factsOf(device.id, sections, offset);
}

/** Facts from the sections of the probe's output. */
export function factsOf(id: string, sections: ReadonlyMap<string, string[]>, clockOffset: number | null): Facts {
  const get = (name: string) => sections.get(name) ?? [];
  const [os, kernel, machine] = get('uname').map((line) => clean(line));
  const cpuinfo = get('cpuinfo');
  const meminfo = get('meminfo');
  const mac = macFacts(get('sysctl'));
  const node = nodeOf(get('node'));
  const [workdir] = get('workdir');
  if (!workdir?.startsWith('/'))
    throw new FleetError(`device ${id}: its work folder cannot be made; set \`workdir:\` to a folder that can be written to`);
  const cores = coresOf(get('cores'), cpuinfo);
  const governors = [...new Set(get('governor'))].sort();
  const result = Facts.safeParse({
    os,
    kernel,
    machine,
    distribution: distributionOf(get('distribution')),
    libc: libcOf(get('libc')),
    cpu: cpuOf(cpuinfo, get('lscpu')) ?? mac.cpu,
    cores: cores.length ? cores : mac.cores,
    features: cpuinfo.length ? featuresOf(cpuinfo) : mac.features,
    memory: memoryOf(meminfo, 'MemTotal') ?? mac.memory,
    memory_available: availableOf(meminfo) ?? mac.available,
    swap: memoryOf(meminfo, 'SwapTotal') ?? mac.swap,
    page_size: pageSizeOf(get('page')) ?? mac.page,
    disk_free: diskFreeOf(get('disk')),
    governor: clean(governors.join(' ')),
    temperature: temperatureOf(get('heat')),
    charger: chargerOf(suppliesOf(get('supply'))),
    load: number(get('load')[0]?.replace(/^\{\s*/, '')),
    node: node?.version ?? null,
    node_path: node?.path ?? null,
    compilers: [...new Set(get('compilers').flatMap((line) => clean(line) ?? []))],
    sensors: [...new Set(get('sensors').flatMap((line) => clean(line) ?? []))].slice(0, 200),
    board: boardOf(get('board')) ?? mac.board,
    firmware: firmwareOf(get('firmware'), cpuinfo),
    emulator: emulatorOf(get('emulator')),
    clock_offset: clockOffset,
    workdir,
  });
  if (result.success) return result.data;
  const missing = [...new Set(result.error.issues.map((issue) => issue.path[0]))].join(', ');
  throw new FleetError(`device ${id}: the probe could not find out: ${missing}; \`fleet probe ${id} --record FILE\` shows what it answered`);
}

/** macOS has no /proc. */
function macFacts(lines: readonly string[]) {
  const page = number(sysctlOf(lines, 'hw.pagesize'));
  const pages = ['Pages free', 'Pages inactive', 'Pages speculative'].map((key) => number(sysctlOf(lines, key)));
  const free = pages.reduce((sum, part) => (sum === null || part === null ? null : sum + part), 0);
  const swap = /total = ([\d.]+)M/.exec(sysctlOf(lines, 'vm.swapusage') ?? '')?.[1];
  return {
    cpu: clean(sysctlOf(lines, 'machdep.cpu.brand_string')),
    board: clean(sysctlOf(lines, 'hw.model')),
    cores: Array.from({ length: number(sysctlOf(lines, 'hw.ncpu')) ?? 0 }, (_, id) => ({ id, capacity: null, max_hz: null })),
    features: lines.flatMap((line) => /^hw\.optional\.(?:arm\.)?(\w+): 1$/.exec(line)?.[1] ?? []).sort(),
    memory: number(sysctlOf(lines, 'hw.memsize')),
    available: free === null || page === null ? null : free * page,
    swap: swap === undefined ? null : Number(swap) * 2 ** 20,
    page,
  };
}

/** Seconds the device's clock is ahead of ours, and how far off that may be. */
export interface ClockOffset {
  offset: number;
  error: number;
}

/** Taken at the middle of the quickest of a few round trips; null where the device cannot tell. */
export async function clockOffset(connection: Connection, trips = 3): Promise<ClockOffset | null> {
  let best: ClockOffset | null = null;
  for (let i = 0; i < trips; i++) {
    const start = performance.now();
    const { stdout } = await connection.exec(['date', '+%s.%N'], { timeoutMs: TIMEOUT_MS });
    const trip = (performance.now() - start) / 1000;
    const match = /^(\d{9,12})(?:\.(\d+))?/.exec(stdout.trim());
    if (!match) return null;
    const there = Number(match[1]) + (match[2] ? Number(`0.${match[2]}`) : 0.5); // without %N: the middle of the second
    const error = trip / 2 + (match[2] ? 0 : 0.5);
    if (!best || error < best.error) best = { offset: there - ((performance.timeOrigin + start) / 1000 + trip / 2), error };
  }
  return best;
}
