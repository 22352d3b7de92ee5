import { readFileSync } from 'node:fs';
import type { Host, HostProcess } from '../../src/core/host.ts';

/** What a program of a made-up machine prints, or does not; null: it never ends. */
export type Answer = string | { code: number; stdout?: string; stderr?: string } | null;

export interface Machine {
  /** Text by path; null: permission denied. */
  files?: Record<string, string | null>;
  /** Answers by command line. Programs that stream give their lines. */
  programs?: Record<string, Answer>;
}

/** A host that has these files and programs and nothing else. What it holds may change while it is used. */
export function machine({ files = {}, programs = {} }: Machine): Host {
  return {
    async readFile(path) {
      const text = files[path];
      if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
      if (text === null) throw new Error(`EACCES: permission denied, open '${path}'`);
      return text;
    },
    async list(path) {
      const below = Object.keys(files).filter((file) => file.startsWith(`${path}/`));
      if (below.length === 0) throw new Error(`ENOENT: no such file or directory, scandir '${path}'`);
      return [...new Set(below.map((file) => file.slice(path.length + 1).split('/')[0] as string))].sort();
    },
    async exec(argv, options) {
      const answer = programs[argv.join(' ')];
      if (answer === undefined) return { code: 127, stdout: '', stderr: `${argv[0]}: not found` };
      if (answer === null) throw new Error(`${argv[0]} did not end within ${(options?.timeoutMs ?? 0) / 1000} s`);
      return typeof answer === 'string' ? { code: 0, stdout: answer, stderr: '' } : { stdout: '', stderr: '', ...answer };
    },
    async spawn(argv) {
      const answer = programs[argv.join(' ')];
      if (typeof answer !== 'string') throw new Error(`${argv[0]} could not be started: it is not there`);
      return printing(answer);
    },
  };
}

function printing(text: string): HostProcess {
  async function* lines(): AsyncGenerator<string> {
    yield* text.split('\n');
  }
  const exited = Promise.resolve({ code: 0, signal: null, stderr: '' });
  return { pid: 1, lines: lines(), write() {}, end() {}, kill() {}, exited };
}

/** A recorded output of a real machine. */
export function recordedSample(name: string): string {
  return readFileSync(new URL(`../fixtures/sensors/${name}`, import.meta.url), 'utf8');
}

/** Files of a real machine, of recorded lines "path:text" as `grep . FILE...` prints them. */
export function recordedFiles(name: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const line of recordedSample(name).trimEnd().split('\n')) {
    const colon = line.indexOf(':', line.lastIndexOf('/'));
    files[line.slice(0, colon)] = `${line.slice(colon + 1)}\n`;
  }
  return files;
}

/** What programs of a real machine printed, recorded as "$ program arguments" with the output below. */
export function recordedPrograms(name: string): Record<string, string> {
  const parts = recordedSample(name)
    .split(/^\$ (.*)\n/m)
    .slice(1);
  return Object.fromEntries(parts.flatMap((command, i) => (i % 2 === 0 ? [[command, parts[i + 1] as string]] : [])));
}
