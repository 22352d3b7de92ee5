import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { $ } from 'zx';
import type { Target } from '../core/build.ts';
import { FleetError, UsageError } from '../core/errors.ts';
import { nearest } from './nearest.ts';
import { hostTarget } from './target.ts';

export interface Toolchain {
  name: string;
  family: 'cc' | 'gcc' | 'clang';
}

/** One row a toolchain. `cc` is the host's own compiler, whatever it is; `gcc` and `clang` are those without a version in their name. */
export const TOOLCHAINS: readonly Toolchain[] = [
  { name: 'cc', family: 'cc' },
  { name: 'gcc', family: 'gcc' },
  { name: 'clang', family: 'clang' },
  { name: 'gcc-12', family: 'gcc' },
  { name: 'gcc-13', family: 'gcc' },
  { name: 'gcc-14', family: 'gcc' },
  { name: 'gcc-15', family: 'gcc' },
  { name: 'clang-14', family: 'clang' },
  { name: 'clang-15', family: 'clang' },
  { name: 'clang-16', family: 'clang' },
  { name: 'clang-17', family: 'clang' },
  { name: 'clang-18', family: 'clang' },
  { name: 'clang-19', family: 'clang' },
  { name: 'clang-20', family: 'clang' },
  { name: 'clang-21', family: 'clang' },
];

/** GNU triple of a target, and the Debian architecture of its cross libraries. */
const TRIPLES: Record<Target, { triple: string; debian: string }> = {
  'x86_64-linux': { triple: 'x86_64-linux-gnu', debian: 'amd64' },
  'aarch64-linux': { triple: 'aarch64-linux-gnu', debian: 'arm64' },
  'armv7-linux': { triple: 'arm-linux-gnueabihf', debian: 'armhf' },
  'riscv64-linux': { triple: 'riscv64-linux-gnu', debian: 'riscv64' },
};

/** A toolchain that is installed and links for a target. */
export interface Compiler {
  toolchain: string;
  target: Target;
  /** Program and arguments, as make's CC. */
  command: string;
  /** First line of --version. */
  version: string;
  /** It links static binaries, which run on any device of the target whatever its libc. */
  static: boolean;
}

export function defaultToolchain(): string {
  return 'cc';
}

/** The row of a name. Throws a UsageError with the nearest name. */
export function findToolchain(name: string): Toolchain {
  const row = TOOLCHAINS.find((toolchain) => toolchain.name === name);
  if (row) return row;
  const names = TOOLCHAINS.map((toolchain) => toolchain.name);
  const near = nearest(name, names);
  throw new UsageError(`there is no toolchain "${name}"; ${near ? `did you mean "${near}"?` : `known: ${names.join(', ')}`}`);
}

const found = new Map<string, Promise<Compiler>>();

/**
 * The compiler of a toolchain for a target, tried by linking a small program. Throws a FleetError with the packages to install where it
 * is missing or does not link.
 */
export function compilerFor(name: string, target: Target): Promise<Compiler> {
  const row = findToolchain(name);
  const key = `${name} ${target}`;
  const known = found.get(key) ?? detect(row, target);
  known.catch(() => found.delete(key)); // it may be installed while we run
  found.set(key, known);
  return known;
}

export interface ListedToolchain {
  name: string;
  /** First line of --version; null where it is absent. */
  version: string | null;
  targets: Target[];
  /** How it is installed here. */
  install: string;
  /** The targets it does not build for, and how that is installed; none for one that is absent itself. */
  missing: { target: Target; install: string }[];
}

/** Every toolchain with its version where it is installed, whether it builds for each target asked about, and how to install the rest. */
export async function listToolchains(targets: readonly Target[]): Promise<ListedToolchain[]> {
  const host = hostTarget();
  return Promise.all(
    TOOLCHAINS.map(async (row) => {
      const tries = await Promise.allSettled(targets.map((target) => compilerFor(row.name, target)));
      const works = tries.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      const version = works[0]?.version ?? firstLine(await run(row.name, ['--version']));
      const rest = version === null ? [] : targets.filter((_, i) => tries[i]?.status === 'rejected');
      return {
        ...{ name: row.name, version, targets: works.map((compiler) => compiler.target) },
        install: await wayTo(row, host),
        missing: rest.map((target) => ({ target, install: install(row, target) })),
      };
    }),
  );
}

async function detect(row: Toolchain, target: Target): Promise<Compiler> {
  const command = commandFor(row, target);
  const [program = '', ...args] = command.split(' ');
  const version = firstLine(await run(program, ['--version']));
  if (version === null) throw new FleetError(`${row.name} cannot build for ${target}: ${program} is not installed; ${await toHave(row, target)}`);
  const folder = await mkdtemp(join(tmpdir(), 'fleet-link-'));
  try {
    const source = join(folder, 'try.c');
    await writeFile(
      source,
      '#include <math.h>\n#include <pthread.h>\n#include <stdio.h>\nint main(int c, char **v) { (void)v; return printf("%f", sqrt(c)) < 0; }\n',
    );
    const link = (...more: string[]) => run(program, [...args, ...more, '-pthread', '-o', join(folder, 'try'), source, '-lm']);
    const makesStatic = (await link('-static')).code === 0;
    const dynamic = makesStatic ? null : await link();
    if (dynamic && (target !== hostTarget() || dynamic.code !== 0)) {
      const why = dynamic.stderr.split('\n').find((line) => /error|cannot find|No such/.test(line)) ?? 'it does not link';
      throw new FleetError(
        `${row.name} cannot build for ${target}: ${why.trim().slice(0, 300)}; on Debian: ${install(row, target)}${orThere(target)}`,
      );
    }
    return { toolchain: row.name, target, command, version, static: makesStatic };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function commandFor(row: Toolchain, target: Target): string {
  if (target === hostTarget()) return row.name;
  const { triple } = TRIPLES[target];
  if (row.family === 'clang') return `${row.name} --target=${triple}`;
  return `${triple}-${row.family === 'cc' ? 'gcc' : row.name}`;
}

function install(row: Toolchain, target: Target): string {
  const { triple, debian } = TRIPLES[target];
  const cross = triple.replaceAll('_', '-');
  if (target === hostTarget()) return `apt install ${row.family === 'cc' ? 'gcc' : row.name} libc6-dev make`;
  if (row.family === 'clang') return `apt install ${row.name} gcc-${cross} libc6-dev-${debian}-cross make`;
  return `apt install ${row.family === 'cc' ? 'gcc' : row.name}-${cross} libc6-dev-${debian}-cross make`;
}

/** How it is installed: by apt where it offers it. */
async function wayTo(row: Toolchain, target: Target): Promise<string> {
  offered ??= offeredByApt(TOOLCHAINS.map((row) => packageOf(row)));
  const names = await offered;
  return names === null || names.has(packageOf(row)) ? install(row, target) : elsewhere(row);
}

let offered: Promise<Set<string> | null> | undefined;

/** What to do where it is absent. */
async function toHave(row: Toolchain, target: Target): Promise<string> {
  const way = await wayTo(row, target);
  const here = target === hostTarget() ? await presentHere() : [];
  const others = here.length > 0 ? `; or take one that is here: ${here.join(', ')}` : '';
  return `${way.startsWith('apt ') ? 'on Debian: ' : ''}${way}${others}${orThere(target)}`;
}

/** Toolchains of this machine that say their version. */
async function presentHere(): Promise<string[]> {
  const versions = await Promise.all(TOOLCHAINS.map(({ name }) => run(name, ['--version'])));
  return TOOLCHAINS.flatMap(({ name }, i) => (versions[i]?.code === 0 ? [name] : []));
}

/** A device can do without a compiler for it here. */
function orThere(target: Target): string {
  return target === hostTarget() ? '' : '; or let the device build for itself: --build on-device';
}

function packageOf({ name, family }: Toolchain): string {
  return family === 'cc' ? 'gcc' : name;
}

/** Where a version comes from that this Debian does not have. */
function elsewhere({ name, family }: Toolchain): string {
  const version = name.split('-')[1];
  if (family === 'clang') return `not in this Debian; LLVM's own packages: bash llvm.sh ${version} (from apt.llvm.org)`;
  return 'not in this Debian: it comes with a newer one';
}

/** Those of the packages that apt can install here; null where there is no apt, or it has no lists. */
async function offeredByApt(packages: readonly string[]): Promise<Set<string> | null> {
  const { code, stdout } = await run('apt-cache', ['policy', ...packages]);
  const found = [...stdout.matchAll(/^(\S+):\n(?: +.*\n)*? +Candidate: (?!\(none\))/gm)].map(([, name]) => name as string);
  return code === 0 && found.length > 0 ? new Set(found) : null;
}

function firstLine({ code, stdout }: { code: number; stdout: string }): string | null {
  return code === 0 ? (stdout.split('\n')[0]?.trim() ?? null) : null;
}

/** Tells by its exit code, 127 where there is no such program; never throws. */
async function run(program: string, args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const tell = $({ nothrow: true, quiet: true, detached: false, timeout: '60s', env: { ...process.env, LC_ALL: 'C' } });
  const { exitCode, stdout, stderr } = await tell`${program} ${args}`;
  return { code: exitCode ?? 1, stdout, stderr };
}
