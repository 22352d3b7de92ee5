import { z } from 'zod';
import type { Target } from '../core/build.ts';
import { FleetError, reason } from '../core/errors.ts';
import type { Connection } from './connection.ts';
import { hostTarget } from './target.ts';
import type { Workshop } from './workshop.ts';

/** What trains a build: models as `trit synth` makes them, and how `trit bench` then goes through each, once an ISA. Part of a build's identity. */
export const TRAINING = {
  models: [
    ['--type', 'i2_s', '--head', 'f16'],
    ['--type', 'tq1_0', '--head', 'q6_k'],
  ],
  runs: [
    ['--layout', 't2', '-p', '96', '-n', '48'],
    ['--layout', 't5', '-p', '33', '-n', '16'],
  ],
} as const;

/** QEMU's program for a target, and the CPU that knows most of its ISAs. */
const EMULATORS: Record<Target, { program: string; cpu: string }> = {
  'x86_64-linux': { program: 'qemu-x86_64', cpu: 'max' },
  'aarch64-linux': { program: 'qemu-aarch64', cpu: 'max' },
  'armv7-linux': { program: 'qemu-arm', cpu: 'max' },
  'riscv64-linux': { program: 'qemu-riscv64', cpu: 'rv64,v=true,vlen=128' },
};

/** How this machine runs what it builds for a target: no words for its own, QEMU for others. Throws a FleetError where there is none. */
export async function emulatorFor(target: Target, here: Connection): Promise<string[]> {
  if (target === hostTarget()) return [];
  const { program, cpu } = EMULATORS[target];
  const found = await here.exec(['sh', '-c', 'command -v "$1-static" || command -v "$1"', 'sh', program]);
  if (found.code === 0) return [found.stdout.trim(), '-cpu', cpu];
  throw new FleetError(
    `pgo is impossible for ${target} here: the program must run to be trained, and there is no emulator ${program}; on Debian: apt install qemu-user-static, or build on the device: --build on-device`,
  );
}

interface Family {
  /** Flags that count, and flags that use what was counted. Warnings of the second are about what did not run. */
  count: string[];
  use(out: string): string[];
  /** Environment of the program that counts. */
  env(out: string): Record<string, string>;
}

const GCC: Family = {
  count: ['-fprofile-generate'],
  use: () => ['-fprofile-use', '-fprofile-correction', '-Wno-missing-profile', '-Wno-error'],
  env: () => ({}),
};
const CLANG: Family = {
  count: ['-fprofile-instr-generate'],
  use: (out) => [`-fprofile-instr-use=${out}/trit.profdata`, '-Wno-profile-instr-unprofiled', '-Wno-profile-instr-out-of-date', '-Wno-error'],
  env: (out) => ({ LLVM_PROFILE_FILE: `${out}/train-%p.profraw` }),
};

const Info = z.object({ isas: z.array(z.object({ name: z.string().regex(/^\w+$/), compiled: z.boolean(), available: z.boolean() })) });

/**
 * Builds with counters, trains, and gives the variables of the build that uses what was counted. ISAs that the trainer's CPU lacks are built
 * without a profile: they would count as never used, and be made small instead of fast. `make` throws where a build fails. Throws a FleetError
 * where training is impossible.
 */
export async function train(
  shop: Workshop,
  compiler: { command: string; version: string },
  make: (more: string[]) => Promise<void>,
): Promise<string[]> {
  const family = /clang|LLVM/i.test(compiler.version) ? CLANG : GCC;
  await make([`PROFILE=${family.count.join(' ')}`]);
  const env = family.env(shop.out);
  const trit = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await shop.run(args, env);
    if (code === 0) return stdout;
    throw new FleetError(`pgo: the build with counters could not be trained: trit ${args[0]}: ${reason(stderr.trim()) || `status ${code}`}`);
  };
  const isas = (await isasOf(trit)).filter(({ compiled }) => compiled);
  const model = `${shop.out}/train.gguf`;
  for (const recipe of TRAINING.models) {
    await trit('synth', '--preset', 'tiny', ...recipe, '-o', model);
    for (const { name } of isas.filter(({ available }) => available))
      for (const run of TRAINING.runs) await trit('bench', '-m', model, ...run, '-t', '1', '-r', '1', '--isa', name, '-o', 'json');
    await trit('run', '-m', model, '-p', 'Once upon a time', '-n', '16', '-t', '1');
  }
  if (family === CLANG) await merge(shop, compiler);
  const untrained = isas.filter(({ available }) => !available).map(({ name }) => name);
  return [`PROFILE=${family.use(shop.out).join(' ')}`, `UNPROFILED=${untrained.join(' ')}`];
}

async function isasOf(trit: (...args: string[]) => Promise<string>): Promise<z.infer<typeof Info>['isas']> {
  const text = await trit('info', '-o', 'json');
  try {
    return Info.parse(JSON.parse(text)).isas;
  } catch (error) {
    throw new FleetError('pgo: trit info of the build with counters says something else than expected', { cause: error });
  }
}

/** clang counts into raw files, which a program of the same version makes usable: llvm-profdata-19 for clang-19, xcrun's on a Mac. */
async function merge(shop: Workshop, { command, version }: { command: string; version: string }): Promise<void> {
  const suffix = /^clang(-\d+)\b/.exec(command)?.[1] ?? `-${/version (\d+)/.exec(version)?.[1] ?? '0'}`;
  const script = `out=$1 suffix=$2
if command -v "llvm-profdata$suffix"; then set -- "llvm-profdata$suffix"
elif command -v llvm-profdata; then set -- llvm-profdata
elif command -v xcrun; then set -- xcrun llvm-profdata
else exit 127; fi >/dev/null
"$@" merge -o "$out/trit.profdata" "$out"/train-*.profraw`;
  const { code, stderr } = await shop.shell(script, [shop.out, suffix]);
  if (code === 127) throw new FleetError(`pgo with clang needs llvm-profdata${suffix}; on Debian: apt install llvm${suffix}`);
  if (code !== 0) throw new FleetError(`pgo: llvm-profdata${suffix} could not use the profile: ${reason(stderr.trim()) || `status ${code}`}`);
}
