import type { Host } from '../../src/core/host.ts';

/** Longest wait for a program that only reads a sensor, in ms. */
const PATIENCE = 5000;

/** Text of a file; null where it cannot be read, and then whether that is a matter of permission. */
export async function tryRead(host: Host, path: string): Promise<{ text: string | null; denied: boolean }> {
  try {
    return { text: await host.readFile(path), denied: false };
  } catch (error) {
    return { text: null, denied: /EACCES|EPERM|permission denied|not permitted/i.test(String((error as Error).message)) };
  }
}

export async function read(host: Host, path: string): Promise<string | null> {
  return (await tryRead(host, path)).text?.trim() ?? null;
}

/** A file that holds one number; null for anything else. */
export async function readNumber(host: Host, path: string): Promise<number | null> {
  return numberOf(await read(host, path));
}

/** The whole text as a number, or null. */
export function numberOf(text: string | null | undefined): number | null {
  return text && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : null;
}

export async function names(host: Host, folder: string): Promise<string[]> {
  return host.list(folder).catch(() => []);
}

/** What a program said. `absent`: there is none of that name; `late`: it did not end in time and was stopped. */
export interface Said {
  ok: boolean;
  stdout: string;
  stderr: string;
  absent: boolean;
  late: boolean;
}

/** Runs a program that reads a sensor. Never rejects. */
export async function ask(host: Host, argv: readonly string[], timeoutMs = PATIENCE): Promise<Said> {
  try {
    const { code, stdout, stderr } = await host.exec(argv, { timeoutMs, env: { LC_ALL: 'C' } });
    return { ok: code === 0, stdout, stderr, absent: code === 127, late: false };
  } catch (error) {
    const message = String((error as Error).message);
    return { ok: false, stdout: '', stderr: message, absent: /it is not there|not found/i.test(message), late: /did not end within/.test(message) };
  }
}

/** One asking for all who want to know within so many seconds of it: programs that read sensors cost time. */
export function shared<T>(seconds: number, ask: () => Promise<T>): () => Promise<T> {
  let last: { time: number; answer: Promise<T> } | null = null;
  return () => {
    if (last === null || monotonic() - last.time > seconds) last = { time: monotonic(), answer: ask() };
    return last.answer;
  };
}

/** Seconds of this process's monotonic clock. */
export function monotonic(): number {
  return performance.now() / 1000;
}
