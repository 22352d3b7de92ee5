import type { Host } from '../src/core/host.ts';

/** What Linux tells of a process and of the machine. Null wherever it does not: another system, an old kernel, a closed /proc. */

/** Clock ticks a second of every Linux we know; the unit of processor times in /proc. */
export const TICKS = 100;

/** Processor time of the machine since boot, in ticks: all of it, and the part that was not idle. */
export async function machineTicks(host: Host): Promise<{ total: number; busy: number } | null> {
  const line = (await text(host, '/proc/stat'))?.split('\n', 1)[0];
  // cpu user nice system idle iowait irq softirq steal; guest time is in user already
  const [user, nice, system, idle, iowait, irq, softirq, steal] = line?.split(/\s+/).slice(1, 9).map(Number) ?? [];
  if (user === undefined || nice === undefined || system === undefined || idle === undefined) return null;
  const busy = user + nice + system + (irq ?? 0) + (softirq ?? 0) + (steal ?? 0);
  return { total: busy + idle + (iowait ?? 0), busy };
}

/** Processor time of a process, all its threads, in ticks, and its page faults from disk. */
export async function processTimes(host: Host, pid: number): Promise<{ ticks: number; majorFaults: number } | null> {
  const stat = await text(host, `/proc/${pid}/stat`);
  // After "pid (name) " come state (field 3) ...; majflt is field 12, utime 14, stime 15 of proc(5).
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [faults, utime, stime] = [fields?.[9], fields?.[11], fields?.[12]].map(Number);
  if (faults === undefined || utime === undefined || stime === undefined || Number.isNaN(utime + stime + faults)) return null;
  return { ticks: utime + stime, majorFaults: faults };
}

/** Bytes: resident now, its highest, and swapped out. */
export async function residentSet(host: Host, pid: number): Promise<{ rss: number; peak: number; swap: number } | null> {
  const status = await text(host, `/proc/${pid}/status`);
  const [rss, peak] = [kilobytes(status, 'VmRSS'), kilobytes(status, 'VmHWM')];
  if (rss === null || peak === null) return null;
  return { rss, peak, swap: kilobytes(status, 'VmSwap') ?? 0 };
}

/** Proportional set size, bytes: shared pages count by their share. Costs milliseconds: never while something is timed. */
export async function proportionalSet(host: Host, pid: number): Promise<number | null> {
  return kilobytes(await text(host, `/proc/${pid}/smaps_rollup`), 'Pss');
}

/** Resident bytes of a process that need memory or swap (anon), and of mapped files, which can be read again. */
export async function residentParts(host: Host, pid: number): Promise<{ anon: number; file: number } | null> {
  const status = await text(host, `/proc/${pid}/status`);
  const [anon, file] = [kilobytes(status, 'RssAnon'), kilobytes(status, 'RssFile')];
  return anon === null || file === null ? null : { anon: anon + (kilobytes(status, 'VmSwap') ?? 0), file };
}

/** Highest memory of the control group of a process, bytes, page cache included: Linux 5.19 and newer. The root group has no such file. */
export async function cgroupPeak(host: Host, pid: number): Promise<number | null> {
  const group = /^0::(\/.*)$/m.exec((await text(host, `/proc/${pid}/cgroup`)) ?? '')?.[1];
  const peak = group === undefined ? null : await text(host, `/sys/fs/cgroup${group === '/' ? '' : group}/memory.peak`);
  return peak !== null && /^\d+\s*$/.test(peak) ? Number(peak) : null;
}

export type Resource = 'cpu' | 'memory' | 'io';

/** Seconds since the device was started in which some task stood still for want of a resource (pressure stall information). */
export async function stalled(host: Host, resource: Resource): Promise<number | null> {
  const found = /^some .*\btotal=(\d+)$/m.exec((await text(host, `/proc/pressure/${resource}`)) ?? '');
  return found ? Number(found[1]) / 1e6 : null;
}

/** Bytes a process had to have read from disk; read-ahead of mapped files counts here and hides from the fault count. */
export async function diskReads(host: Host, pid: number): Promise<number | null> {
  const found = /^read_bytes: (\d+)$/m.exec((await text(host, `/proc/${pid}/io`)) ?? '');
  return found ? Number(found[1]) : null;
}

/** Bytes of swap in use on the machine. */
export async function swapUsed(host: Host): Promise<number | null> {
  const info = await text(host, '/proc/meminfo');
  const [total, free] = [kilobytes(info, 'SwapTotal'), kilobytes(info, 'SwapFree')];
  return total === null || free === null ? null : total - free;
}

/** The 1-minute load average. */
export async function loadAverage(host: Host): Promise<number | null> {
  const load = Number.parseFloat((await text(host, '/proc/loadavg')) ?? '');
  return Number.isNaN(load) ? null : load;
}

function kilobytes(from: string | null, name: string): number | null {
  const found = from && new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(from);
  return found ? Number(found[1]) * 1024 : null;
}

async function text(host: Host, path: string): Promise<string | null> {
  return host.readFile(path).catch(() => null);
}
