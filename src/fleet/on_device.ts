import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { type Build, onDevice } from '../core/build.ts';
import { sha256On, sizeOn } from '../core/device_file.ts';
import { FleetError, reason } from '../core/errors.ts';
import type { Facts } from '../core/facts.ts';
import { lastWords } from '../core/last_words.ts';
import { codeHash } from './code_hash.ts';
import { commitOfKernels } from './commits.ts';
import type { Connection } from './connection.ts';
import { type Flags, flagsOf } from './flag_sets.ts';
import { TRAINING, train } from './pgo.ts';
import { clean } from './probe_sections.ts';
import { buildId, sourcesOf } from './sources.ts';
import { nativeTarget } from './target.ts';
import { tellingLine, Workshop } from './workshop.ts';

export interface OnDeviceOptions {
  /** The compiler as it is called on the device. */
  compiler: string;
  flags?: string;
  /** Folder that holds kernels/. */
  root?: string;
  /** Gets what make prints, line by line. */
  onLine?: (line: string) => void;
}

/** What is kept beside a binary on the device. It comes back from there: validated. */
const Kept = z.object({ id: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.int().positive(), code: z.string().nullable() });

/** Memory a compiler may take, in bytes: a device with little of it compiles fewer files at once. */
const COMPILER_MEMORY = 300e6;

/**
 * One binary, made on the device by its own compiler: the sources are sent, and what comes of them stays there at
 * <workdir>/bin/<first 16 digits of its id>/trit. The same sources, compiler and flags are not built again. Throws a FleetError with the first
 * error of the compiler, or what to install where there is none.
 */
export async function buildOnDevice(connection: Connection, facts: Facts, options: OnDeviceOptions): Promise<Build> {
  const version = await versionOn(connection, facts, options.compiler);
  const target = nativeTarget({ ...facts, ...(await machineOn(connection, options.compiler)) });
  const flags = flagsOf(options.flags ?? '', target);
  const kernels = join(resolve(options.root ?? '.'), 'kernels');
  const id = await buildId(kernels, 'on the device', target, options.compiler, version, flags.text, ...(flags.pgo ? [TRAINING, facts.cpu] : []));
  const folder = `${facts.workdir}/bin/${id.slice(0, 16)}`;
  const path = `${folder}/trit`;
  const kept = (await keptIn(connection, folder, id)) ?? (await make(connection, facts, { ...options, id, flags, kernels, version, folder }));
  await connection.exec(['touch', '-c', '--', folder]); // deploy() keeps the newest
  const told = [flags.text, flags.pgo ? 'pgo' : ''].filter(Boolean).join(' ');
  return {
    ...kept,
    toolchain: onDevice(options.compiler),
    compiler: version,
    target,
    flags: told,
    path,
    ...(await commitOfKernels(resolve(options.root ?? '.'))),
  };
}

/** First line of the compiler's --version. */
async function versionOn(connection: Connection, facts: Facts, compiler: string): Promise<string> {
  const { code, stdout } = await connection.exec(['sh', '-c', 'command -v "$1" >/dev/null && "$1" --version', 'sh', compiler], { timeoutMs: 60_000 });
  const version = clean(stdout.split('\n', 1)[0]);
  if (code === 0 && version) return version;
  const has = facts.compilers.length > 0 ? `it has ${facts.compilers.join(', ')}; or ` : '';
  throw new FleetError(`device ${connection.device.id} cannot build: it has no compiler ${compiler}; ${has}${installHint(facts)}`);
}

/** The machine its compiler builds for, where it says so: below a 64-bit kernel may run a system of 32 bits. */
async function machineOn(connection: Connection, compiler: string): Promise<{ machine?: string }> {
  const { code, stdout } = await connection.exec([compiler, '-dumpmachine'], { timeoutMs: 60_000 });
  const machine = code === 0 ? /^([a-z]\w{2,20})-[\w.-]+$/.exec(stdout.trim())?.[1] : undefined;
  return machine === undefined ? {} : { machine: machine === 'arm' ? 'armv7l' : machine };
}

/** How to get a compiler and make there. */
function installHint({ os, distribution, libc }: Facts): string {
  const on = `${os} ${distribution ?? ''} ${libc ?? ''}`;
  if (/android|bionic/i.test(on)) return 'in Termux: pkg install clang make';
  if (/darwin|macos/i.test(on)) return 'there: xcode-select --install';
  if (/alpine|musl/i.test(on)) return 'there: apk add gcc make musl-dev linux-headers';
  if (/fedora|red hat|centos|rocky/i.test(on)) return 'there: dnf install gcc make';
  if (/arch/i.test(on)) return 'there: pacman -S gcc make';
  return 'there: apt install gcc libc6-dev make';
}

async function keptIn(connection: Connection, folder: string, id: string): Promise<z.infer<typeof Kept> | null> {
  try {
    const kept = Kept.parse(JSON.parse(await connection.readFile(`${folder}/build.json`)));
    return kept.id === id && (await sha256On(connection, `${folder}/trit`)) === kept.sha256 ? kept : null;
  } catch {
    return null;
  }
}

async function make(
  connection: Connection,
  facts: Facts,
  by: Omit<OnDeviceOptions, 'flags'> & { id: string; flags: Flags; kernels: string; version: string; folder: string },
): Promise<z.infer<typeof Kept>> {
  const { device } = connection;
  const { id, flags, folder, compiler, version } = by;
  const place = `${facts.workdir}/src/${id.slice(0, 16)}-${randomBytes(4).toString('hex')}`;
  const jobs = Math.max(1, Math.min(facts.cores.length, Math.floor(facts.memory_available / COMPILER_MEMORY)));
  const shop = new Workshop(connection, { kernels: place, out: 'out', jobs, onLine: by.onLine });
  const failed = (what: string) => new FleetError(`device ${device.id}: ${what}`);
  try {
    await sendSources(connection, by.kernels, place);
    // What a compiler we do not know warns of is no reason not to measure: -Werror is for ours.
    const variables = [`CC=${compiler}`, `ARCH_FLAGS=${flags.text}`, 'CFLAGS_EXTRA=-Wno-error'];
    const makeWith = async (more: readonly string[]): Promise<void> => {
      const log = await shop.make([...variables, ...more]);
      if (log)
        throw failed(
          `its ${compiler} (${version}) did not build the engine: ${tellingLine(log)}; \`make -C kernels CC=${compiler}\` there shows all`,
        );
    };
    await makeWith(flags.pgo ? await train(shop, { command: compiler, version }, makeWith) : []);
    const sha256 = await sha256On(connection, `${place}/out/trit`);
    const bytes = await sizeOn(connection, `${place}/out/trit`);
    const made = Kept.parse({ id, sha256, bytes, code: await codeOn(shop) });
    const moved = await shop.shell('mkdir -p -- "$1" && mv -f out/trit "$1/trit"', [folder]);
    if (moved.code !== 0) throw failed(`${folder}/trit cannot be written: ${lastWords(moved.stderr, moved.code)}`);
    await connection.writeFile(`${folder}/build.json`, `${JSON.stringify(made)}\n`);
    return made;
  } finally {
    // Also what a call that was killed left, a day ago or more.
    const script = 'rm -rf -- "$1"; find "$2" -mindepth 1 -maxdepth 1 -mtime +0 -exec rm -rf {} +';
    await connection.exec(['sh', '-c', script, 'sh', place, `${facts.workdir}/src`]).catch(() => {});
  }
}

/** One tar of the sources, which every system can unpack, and no file that is not named here. */
async function sendSources(connection: Connection, kernels: string, place: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fleet-sources-'));
  try {
    const list = join(folder, 'list');
    await writeFile(list, `${(await sourcesOf(kernels)).join('\n')}\n`);
    const tar = join(folder, 'sources.tar');
    await promisify(execFile)('tar', ['-cf', tar, '-C', kernels, '-T', list]).catch((error: unknown) => {
      throw new FleetError(`the engine's sources cannot be packed with tar: ${reason(error)}`, { cause: error });
    });
    await connection.upload(tar, `${place}/sources.tar`);
    const { code, stderr } = await connection.exec(['sh', '-c', 'cd -- "$1" && tar -xf sources.tar && rm -f sources.tar', 'sh', place]);
    if (code !== 0) throw new FleetError(`device ${connection.device.id}: the sources cannot be unpacked in ${place}: ${lastWords(stderr, code)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The hash of the machine code, from the objects, which come here as text; null where the device cannot pack them. */
async function codeOn(shop: Workshop): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), 'fleet-objects-'));
  try {
    const { code, stdout } = await shop.shell(
      "cd out && find . -name '*.o' > objects && tar -cf objects.tar -T objects && gzip -c objects.tar | base64",
    );
    if (code !== 0) return null;
    await writeFile(join(folder, 'objects.tar.gz'), Buffer.from(stdout, 'base64'));
    await promisify(execFile)('tar', ['-xzf', 'objects.tar.gz'], { cwd: folder });
    return await codeHash(folder);
  } catch {
    return null;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
