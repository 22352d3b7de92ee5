import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Build, Target } from '../core/build.ts';
import { Device } from '../core/device.ts';
import { FleetError } from '../core/errors.ts';
import { sha256Of } from './checksum.ts';
import { codeHash } from './code_hash.ts';
import { commitOfKernels } from './commits.ts';
import { connectLocal } from './connectors/local.ts';
import { type Flags, flagsOf } from './flag_sets.ts';
import { emulatorFor, TRAINING, train } from './pgo.ts';
import { buildId } from './sources.ts';
import { hostTarget } from './target.ts';
import { type Compiler, compilerFor } from './toolchains.ts';
import { tellingLine, Workshop } from './workshop.ts';

export interface BuildOptions {
  toolchain: string;
  target: Target;
  /** More compiler flags, such as -mcpu=cortex-a76, or named sets of them (flag_sets.ts). */
  flags?: string;
  /** Folder that holds kernels/; its .fleet/builds is the cache. */
  root?: string;
  /** Folder that holds other kernels/ to build, those of another commit. */
  sources?: string;
  /** The commit of the sources, where they are not as git has them. */
  commit?: string;
  /** Gets what make prints, line by line. */
  onLine?: (line: string) => void;
}

const HERE = Device.parse({ id: 'local', connector: 'local' });

const running = new Map<string, Promise<Build>>();

/**
 * One binary, from the cache where the same sources, compiler and flags were built before. Entries appear whole or not at all, so that
 * several builders may work at once and a killed one leaves nothing half done. Throws a FleetError with the first error of the compiler.
 */
export async function build(options: BuildOptions): Promise<Build> {
  const flags = flagsOf(options.flags ?? '', options.target, hostTarget());
  const root = resolve(options.root ?? '.');
  const kernels = join(resolve(options.sources ?? root), 'kernels');
  const compiler = await compilerFor(options.toolchain, options.target);
  const { target, command, version } = compiler;
  // A profile tells of the CPU that it was taken on.
  const profile = flags.pgo ? [TRAINING, target === hostTarget() ? cpus()[0]?.model : 'emulated'] : [];
  const id = await buildId(kernels, target, command, version, compiler.static, flags.text, ...profile);
  const cache = join(root, '.fleet/builds');
  const job = running.get(`${cache}/${id}`) ?? (async () => (await cached(cache, id)) ?? make(options, compiler, { id, flags, kernels, cache }))();
  running.set(`${cache}/${id}`, job);
  try {
    const { commit } = options;
    const [made, told] = await Promise.all([job, commit === undefined ? commitOfKernels(resolve(options.sources ?? root)) : { commit }]);
    return { ...made, ...told };
  } finally {
    running.delete(`${cache}/${id}`);
  }
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
  { id, flags, kernels, cache }: { id: string; flags: Flags; kernels: string; cache: string },
): Promise<Build> {
  await mkdir(cache, { recursive: true });
  const out = await mkdtemp(join(tmpdir(), 'fleet-build-')); // not in the cache: make cannot bear blanks in a path
  const entry = join(cache, `.new-${process.pid}-${randomBytes(6).toString('hex')}`);
  try {
    const here = await connectLocal(HERE);
    const emulator = flags.pgo ? await emulatorFor(compiler.target, here) : [];
    const shop = new Workshop(here, { kernels, out, emulator, jobs: availableParallelism(), onLine: options.onLine });
    const make = async (more: readonly string[]): Promise<void> => {
      const log = await shop.make([`CC=${compiler.command}`, `ARCH_FLAGS=${flags.text}`, ...(compiler.static ? ['STATIC=1'] : []), ...more]);
      if (log) throw await failure(options, log, join(cache, `${id}.log`));
    };
    await make(flags.pgo ? await train(shop, compiler, make) : []);
    await mkdir(entry);
    await copyFile(join(out, 'trit'), join(entry, 'trit'));
    const path = join(cache, id, 'trit');
    const made: Build = {
      id,
      toolchain: compiler.toolchain,
      compiler: compiler.version,
      target: compiler.target,
      flags: [flags.text, flags.pgo ? 'pgo' : '', compiler.static ? '-static' : ''].filter(Boolean).join(' '),
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

async function failure({ toolchain, target }: BuildOptions, log: readonly string[], file: string): Promise<FleetError> {
  await writeFile(file, `${log.join('\n')}\n`);
  return new FleetError(`${toolchain} did not build the engine for ${target}: ${tellingLine(log)}; all of it is in ${file}`);
}
