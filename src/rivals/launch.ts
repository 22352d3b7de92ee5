import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** How a program ended, and what was seen of it meanwhile. */
export interface Ended {
  stdout: string;
  stderr: string;
  code: number | null;
  signal: string | null;
  seconds: number;
  /** It was ended because it took longer than that many seconds. */
  late: number | null;
  /** Highest resident memory in bytes, mapped files included; null where the system does not tell. */
  peak_rss: number | null;
  /** Share of all CPUs' time that went to others meanwhile; null where the system does not tell. */
  others: number | null;
  /** Files of its code outside of the system's folders: the program and the libraries it brought. */
  code_files: string[];
}

const POLL = 20; // ms
const MOST_TEXT = 1 << 28;

/** Runs a program to its end, or for `limit` seconds, and watches its memory. Rejects only where it cannot be started. */
export function launch(command: string, args: readonly string[], { signal, limit }: { signal?: AbortSignal; limit?: number } = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
      timeout: limit === undefined ? undefined : 1000 * limit,
      killSignal: 'SIGKILL',
    });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        if (text[name].length < MOST_TEXT) text[name] += chunk;
      });
    const before = machineTime();
    let own = 0;
    let peak: number | null = null;
    let files: string[] = [];
    const look = (): void => {
      const found = peakOf(child.pid);
      if (found === null) return;
      peak = Math.max(peak ?? 0, found);
      own = ownTime(child.pid) ?? own;
    };
    const lookAtFiles = (): void => {
      const found = codeFilesOf(child.pid);
      if (found.length >= files.length) files = found;
    };
    const polls = [setInterval(look, POLL), setInterval(lookAtFiles, 20 * POLL)];
    child.stdout.once('data', lookAtFiles); // a quick one may be gone before the next look
    const done = (): void => polls.forEach(clearInterval);
    child.once('error', (error) => {
      done();
      reject(error);
    });
    child.once('close', (code, ended) => {
      done();
      const seconds = (performance.now() - began) / 1000;
      const late = ended === 'SIGKILL' && limit !== undefined && seconds >= limit ? limit : null;
      resolve({ ...text, code, signal: ended, seconds, late, peak_rss: peak, others: othersOf(before, machineTime(), own), code_files: files });
    });
  });
}

/** How it ended, for a message: with its last words. */
export function lastWords({ code, signal, late, stdout, stderr }: Ended): string {
  const how =
    late !== null
      ? `took longer than ${late} s`
      : signal
        ? `was ended by ${signal}`
        : code === 0
          ? 'ended without a result'
          : `ended with status ${code}`;
  const words = [stderr, stdout].map((text) => text.trim().split('\n').slice(-2).join(' / ')).find(Boolean);
  return words ? `${how}: ${words.slice(-300)}` : `${how} and said nothing`;
}

function peakOf(pid: number | undefined): number | null {
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/status`))?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}

interface Time {
  busy: number;
  all: number;
}

/** Ticks of all CPUs since the system began. */
function machineTime(): Time | null {
  const ticks = /^cpu +(.*)$/m.exec(readText('/proc/stat'))?.[1]?.split(' ').slice(0, 8).map(Number);
  if (!ticks || ticks.length < 8) return null;
  const all = ticks.reduce((sum, n) => sum + n, 0);
  return { busy: all - (ticks[3] as number) - (ticks[4] as number), all };
}

/** Ticks of a process and its threads. */
function ownTime(pid: number | undefined): number | null {
  const fields = readText(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isFinite(ticks) ? ticks : null;
}

function othersOf(before: Time | null, after: Time | null, own: number): number | null {
  if (!before || !after || after.all <= before.all) return null;
  return Math.max(0, after.busy - before.busy - own) / (after.all - before.all);
}

function codeFilesOf(pid: number | undefined): string[] {
  const paths = Array.from(readText(`/proc/${pid}/maps`).matchAll(/^\S+ ..x\S* \S+ \S+ \S+ +(\/.*)$/gm), ([, path = '']) => path);
  return [...new Set(paths)].filter((path) => !/^\/(usr\/)?lib|\/(node|nodejs)$|^\/memfd/.test(path));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
