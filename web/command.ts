import type { RunDetail } from '../src/core/store.ts';

/** The command that makes such a run again, for a POSIX shell. */
export function commandOf({ device, toolchain, build, model, suite, threads, cpus, engine }: RunDetail): string {
  const options: [string, string | null][] = [
    ['--device', device],
    ['--toolchain', toolchain],
    ['--flags', build.flags || null],
    ['--model', fileOf(model, engine) ?? model],
    ['--suite', suite],
    ['--threads', String(threads)],
    ['--cpus', cpus],
  ];
  return ['./fleet bench', ...options.flatMap(([name, value]) => (value === null ? [] : [name, quoted(value)]))].join(' ');
}

/** The file of a model that came from one: where it lies, if it was measured in its place, else its name; null for a twin or a published one. */
function fileOf(model: string, engine: RunDetail['engine']): string | null {
  const { file } = (engine?.model ?? {}) as { file?: unknown };
  const [, folder, sent, name] = (typeof file === 'string' && /^(.*\/)([0-9a-f]{16}-)?([^/]*)$/.exec(file)) || [];
  if (folder === undefined || name !== `${model}.gguf`) return null;
  return sent === undefined ? `${folder}${name}` : name;
}

function quoted(word: string): string {
  return /^[\w.,:/@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
