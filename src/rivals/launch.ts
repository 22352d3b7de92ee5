import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** How a program ended, and what was seen of it meanwhile. */
export interface Ended {
  stdout: string;
  stderr: string;
  code: number | null;
  signal: string | null;
  seconds: number;
  /** Highest resident memory in bytes, mapped files included; null where the system does not tell. */
  peak_rss: number | null;
  /** Files of its code outside of the system's folders: the program and the libraries it brought. */
  code_files: string[];
}

const POLL = 20; // ms
const MOST_TEXT = 1 << 28;

/** Runs a program to its end and watches its memory. Rejects only where it cannot be started. */
export function launch(command: string, args: readonly string[], { signal, limit }: { signal?: AbortSignal; limit?: number } = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], signal, timeout: limit, killSignal: 'SIGKILL' });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        if (text[name].length < MOST_TEXT) text[name] += chunk;
      });
    let peak: number | null = null;
    let files: string[] = [];
    const look = (): void => {
      const found = peakOf(child.pid);
      if (found === null) return;
      peak = Math.max(peak ?? 0, found);
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
      resolve({ ...text, code, signal: ended, seconds: (performance.now() - began) / 1000, peak_rss: peak, code_files: files });
    });
  });
}

/** How it ended, for a message: with its last words. */
export function lastWords({ code, signal, stdout, stderr }: Ended): string {
  const how = signal ? `was ended by ${signal}` : code === 0 ? 'ended without a result' : `ended with status ${code}`;
  const words = [stderr, stdout].map((text) => text.trim().split('\n').slice(-2).join(' / ')).find(Boolean);
  return words ? `${how}: ${words.slice(-300)}` : `${how} and said nothing`;
}

function peakOf(pid: number | undefined): number | null {
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readProcess(pid, 'status'))?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}

function codeFilesOf(pid: number | undefined): string[] {
  const paths = Array.from(readProcess(pid, 'maps').matchAll(/^\S+ ..x\S* \S+ \S+ \S+ +(\/.*)$/gm), ([, path = '']) => path);
  return [...new Set(paths)].filter((path) => !/^\/(usr\/)?lib|\/(node|nodejs)$|^\/memfd/.test(path));
}

function readProcess(pid: number | undefined, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
