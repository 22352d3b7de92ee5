import type { RunDetail } from '../src/core/store.ts';

/** The command that makes such a run again, for a POSIX shell. */
export function commandOf({ device, toolchain, build, model, suite, threads, cpus }: RunDetail): string {
  const options: [string, string | null][] = [
    ['--device', device],
    ['--toolchain', toolchain],
    ['--flags', build.flags || null],
    ['--model', model],
    ['--suite', suite],
    ['--threads', String(threads)],
    ['--cpus', cpus],
  ];
  return ['./fleet bench', ...options.flatMap(([name, value]) => (value === null ? [] : [name, quoted(value)]))].join(' ');
}

function quoted(word: string): string {
  return /^[\w.,:/@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
