import { createHash, randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { $ } from 'zx';
import type { Build, Target } from '../core/build.ts';
import { FleetError, reason } from '../core/errors.ts';
import { sha256Of } from './checksum.ts';
import { codeHash } from './code_hash.ts';
import { flagsOf } from './flag_sets.ts';
import { type Compiler, compilerFor } from './toolchains.ts';

export interface BuildOptions {
  toolchain: string;
  target: Target;
  /** More compiler flags, such as -mcpu=cortex-a76, or named sets of them (flag_sets.ts). */
  flags?: string;
  /** Folder that holds kernels/; its .fleet/builds is the cache. */
  root?: string;
  /** Folder that holds other kernels/ to build, those of another commit. */
  sources?: string;
  /** Gets what make prints, line by line. */
  onLine?: (line: string) => void;
}

const running = new Map<string, Promise<Build>>();

/**
 * One binary, from the cache where the same sources, compiler and flags were built before. Entries appear whole or not at all, so that
 * several builders may work at once and a killed one leaves nothing half done. Throws a FleetError with the first error of the compiler.
 */
export async function build(options: BuildOptions): Promise<Build> {
  const flags = flagsOf(options.flags ?? '', options.target);
  const root = resolve(options.root ?? '.');
  const kernels = join(resolve(options.sources ?? root), 'kernels');
  const compiler = await compilerFor(options.toolchain, options.target);
  const id = await buildId(kernels, compiler, flags);
  const cache = join(root, '.fleet/builds');
  const job = running.get(`${cache}/${id}`) ?? (async () => (await cached(cache, id)) ?? make(options, compiler, { id, flags, kernels, cache }))();
  running.set(`${cache}/${id}`, job);
  try {
    return await job;
  } finally {
    running.delete(`${cache}/${id}`);
  }
}

/** Hash of everything that goes into the binary. */
async function buildId(kernels: string, compiler: Compiler, flags: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of await sources(kernels)) {
    const bytes = await readFile(file);
    hash.update(`${relative(kernels, file)} ${bytes.length}\n`).update(bytes);
  }
  hash.update(JSON.stringify([compiler.target, compiler.command, compiler.version, compiler.static, flags]));
  return hash.digest('hex').slice(0, 32);
}

/** Sources and Makefile, sorted; not what builds left behind. */
async function sources(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new FleetError(`the engine's sources ${folder} cannot be read: ${reason(error)}; run fleet from its own folder`, { cause: error });
  });
  const found = entries.map(async (entry): Promise<string[]> => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'out' || entry.name.startsWith('.') ? [] : sources(path);
    return /\.(c|h|inc)$|^Makefile$/.test(entry.name) ? [path] : [];
  });
  return (await Promise.all(found)).flat().sort();
}

/** A binary that was built before and is still in the cache, by its hash; else null. */
export async function findBuilt(root: string, sha256: string): Promise<Build | null> {
  const cache = join(resolve(root), '.fleet/builds');
  const ids = (await readdir(cache).catch(() => [])).filter((name) => /^[0-9a-f]{32}$/.test(name));
  for (const id of ids) {
    const text = await readFile(join(cache, id, 'build.json'), 'utf8').catch(() => '');
    if (text.includes(sha256)) return cached(cache, id);
  }
  return null;
}

/** The entry of the cache, if it is whole; a damaged one is removed. */
async function cached(cache: string, id: string): Promise<Build | null> {
  const folder = join(cache, id);
  try {
    const entry = JSON.parse(await readFile(join(folder, 'build.json'), 'utf8')) as Build;
    const path = join(folder, 'trit');
    if (entry.id === id && entry.code !== undefined && (await sha256Of(path)) === entry.sha256) return { ...entry, path };
    await rm(folder, { recursive: true, force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') await rm(folder, { recursive: true, force: true });
  }
  return null;
}

async function make(
  options: BuildOptions,
  compiler: Compiler,
  { id, flags, kernels, cache }: { id: string; flags: string; kernels: string; cache: string },
): Promise<Build> {
  await mkdir(cache, { recursive: true });
  const out = await mkdtemp(join(tmpdir(), 'fleet-build-')); // not in the cache: make cannot bear blanks in a path
  const entry = join(cache, `.new-${process.pid}-${randomBytes(6).toString('hex')}`);
  try {
    const variables = [`CC=${compiler.command}`, `ARCH_FLAGS=${flags}`, `OUT=${out}`, ...(compiler.static ? ['STATIC=1'] : [])];
    const log: string[] = [];
    const code = await runMake(kernels, variables, (line) => {
      log.push(line);
      options.onLine?.(line);
    });
    if (code !== 0) throw await failure(options, log, join(cache, `${id}.log`));
    await mkdir(entry);
    await copyFile(join(out, 'trit'), join(entry, 'trit'));
    const path = join(cache, id, 'trit');
    const made: Build = {
      id,
      toolchain: compiler.toolchain,
      compiler: compiler.version,
      target: compiler.target,
      flags: [flags, compiler.static ? '-static' : ''].filter(Boolean).join(' '),
      path,
      sha256: await sha256Of(join(entry, 'trit')),
      bytes: (await stat(join(entry, 'trit'))).size,
      code: await codeHash(out),
    };
    await writeFile(join(entry, 'build.json'), `${JSON.stringify({ ...made, path: 'trit' }, null, 2)}\n`);
    try {
      await rename(entry, join(cache, id));
    } catch {
      const other = await cached(cache, id); // another builder was quicker
      if (other) return other;
      await rm(join(cache, id), { recursive: true, force: true }); // it lacked something
      await rename(entry, join(cache, id));
    }
    return made;
  } finally {
    await rm(out, { recursive: true, force: true });
    await rm(entry, { recursive: true, force: true });
  }
}

/** Runs make; each line of what it and the compiler say goes to onLine. Returns its exit code. */
async function runMake(folder: string, variables: string[], onLine: (line: string) => void): Promise<number> {
  const { MAKEFLAGS: _flags, MAKELEVEL: _level, ...env } = process.env;
  const tell = $({ cwd: folder, nothrow: true, quiet: true, detached: false, env: { ...env, LC_ALL: 'C' } });
  const made = tell`make --no-print-directory -j${availableParallelism()} ${variables} 2>&1`;
  for await (const line of made) onLine(line);
  const code = (await made).exitCode ?? 1;
  if (code === 127) throw new FleetError('make is not installed; on Debian: apt install make');
  return code;
}

async function failure({ toolchain, target }: BuildOptions, log: string[], file: string): Promise<FleetError> {
  await writeFile(file, `${log.join('\n')}\n`);
  const error = log.find((line) => /(\berror:|undefined reference|\*\*\*)/.test(line)) ?? log.at(-1) ?? 'make said nothing';
  return new FleetError(`${toolchain} did not build the engine for ${target}: ${error.trim().slice(0, 300)}; all of it is in ${file}`);
}
