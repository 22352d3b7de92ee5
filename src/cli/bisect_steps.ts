import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { clip, plain } from '../core/plain.ts';
import { checkOut, commitsBetween } from '../fleet/commits.ts';
import { isRunning } from '../fleet/process.ts';
import type { Wanted } from './bench_device.ts';
import type { BisectOptions } from './bench_options.ts';
import type { Context } from './context.ts';

/** One state between the good and the bad one. */
export interface Step {
  /** Commit, or flags. */
  id: string;
  /** What people call it: safe for a terminal. */
  title: string;
  /** What to build; called once it is needed. */
  wanted(): Promise<Wanted>;
}

export interface Steps {
  kind: 'commit' | 'flag';
  /** The good one first, the bad one last. */
  list: [Step, Step, ...Step[]];
  /** Removes what was unpacked. */
  clear(): Promise<void>;
}

/** The steps that were asked for. Throws a UsageError where they make no sense. */
export async function stepsOf(context: Context, options: BisectOptions): Promise<Steps> {
  if (options.over && (options.good !== undefined || options.bad !== undefined))
    throw new UsageError('--over goes over flags and --good over commits; give one of them');
  return options.over ? flagSteps(options.over, options) : commitSteps(context, options);
}

/** Step n has the first n flags: the good one none, the bad one all. */
function flagSteps(over: readonly string[], { toolchain, flags = '' }: BisectOptions): Steps {
  const list = Array.from({ length: over.length + 1 }, (_, n): Step => {
    const all = [flags, ...over.slice(0, n)].filter(Boolean).join(' ');
    const title = n === 0 ? 'without the flags' : `with ${over[n - 1]}`;
    return { id: all, title, wanted: async () => ({ toolchain, flags: all, name: title }) };
  });
  return { kind: 'flag', list: list as Steps['list'], clear: async () => {} };
}

async function commitSteps(
  context: Context,
  { good, bad = 'HEAD', toolchain, flags = '', repository = context.root }: BisectOptions,
): Promise<Steps> {
  if (good === undefined) throw new UsageError('name a commit that was still fast with --good, or flags with --over');
  const commits = await commitsBetween(repository, good, bad);
  const all = join(context.root, '.fleet/bisect');
  await sweep(all);
  const home = join(all, String(process.pid));
  const list = commits.map(({ id, subject }): Step => {
    const title = `${id.slice(0, 10)} ${clip(plain(subject), 60)}`.trim();
    const sources = join(home, id);
    const wanted = async () => {
      await checkOut(repository, id, sources);
      return { toolchain, flags, sources, commit: id.slice(0, 12), name: id.slice(0, 10) };
    };
    return { id, title, wanted };
  });
  return { kind: 'commit', list: list as Steps['list'], clear: () => rm(home, { recursive: true, force: true }) };
}

/** Removes what killed calls left. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => []))
    if (!isRunning(Number(name))) await rm(join(folder, name), { recursive: true, force: true });
}
