import { z } from 'zod';
import { FleetError } from '../core/errors.ts';
import type { Facts } from '../core/facts.ts';
import { lastWords } from '../core/last_words.ts';
import { parsed } from '../core/parsed.ts';
import type { Connection } from './connection.ts';

/** What `trit info` says of the CPU it runs on. */
const Info = z.object({
  isa: z.string(),
  isas: z.array(z.object({ name: z.string(), needs: z.string(), compiled: z.boolean(), available: z.boolean() })),
});
type Info = z.infer<typeof Info>;

/** Linux's names for features that trit calls otherwise. */
const KERNEL_NAMES: Record<string, string> = {
  'sse4.1': 'sse4_1',
  avxvnni: 'avx_vnni',
  avx512vnni: 'avx512_vnni',
  avx512bf16: 'avx512_bf16',
  avx512fp16: 'avx512_fp16',
};

/**
 * Runs the binary for the first time on its device and holds what it finds of the CPU against what the kernel said when the device was
 * probed. Throws a FleetError where it does not start, or where the two disagree on an instruction set that could be used; `isa` leaves those
 * above it out.
 */
export async function checkFeatures(connection: Connection, facts: Facts, binary: string, isa: string | null): Promise<void> {
  const { id, emulated } = connection.device;
  const { code, stdout, stderr } = await connection.exec(['sh', '-c', '"$1" info -o json; exit $?', 'sh', binary], { timeoutMs: 120_000 });
  if (code !== 0) throw new FleetError(`device ${id}: ${whyNot(code, lastWords(stderr, code))}`);
  const info = parsed(Info, stdout);
  if (!info) throw new FleetError(`device ${id}: trit info says something else there than it should; does its login shell print text of its own?`);
  const sentence = disagreement(facts, info, isa);
  if (sentence && !emulated) throw new FleetError(`device ${id}: ${sentence}`); // an emulator answers for itself, /proc for the machine below
}

/** Why a program that was sent does not run, by the status a shell gives. */
export function whyNot(status: number, words: string): string {
  const instead = 'build on the device: --build on-device';
  const said = `the binary does not run there (${words})`;
  if (status === 159) return `${said}: the system forbids a call it makes, as Android 8 to 11 does to static programs; ${instead}`;
  if (status === 132) return `${said}: its flags ask for instructions that this CPU lacks; leave out -march and -mcpu, or ${instead}`;
  if (status === 126) return `${said}: programs may not be started there; set \`workdir:\` to a folder on a disk that allows it, or ${instead}`;
  if (status === 127) return `${said}: it is linked against a libc that is not there; use a toolchain that links static binaries, or ${instead}`;
  return `${said}; ${instead}`;
}

/** A sentence for the first ISA that one of the two readings has and the other has not; null where they agree, or the kernel names no features. */
export function disagreement(facts: Pick<Facts, 'features'>, info: Info, isa: string | null = null): string | null {
  if (facts.features.length === 0) return null;
  const names = info.isas.map(({ name }) => name);
  const highest = isa !== null && names.includes(isa) ? names.indexOf(isa) : names.length - 1;
  for (const [index, row] of info.isas.entries()) {
    if (index > highest || !row.compiled || row.needs === '') continue;
    const lacking = row.needs.split(' ').filter((feature) => !kernelHas(facts.features, feature));
    if (row.available && lacking.length > 0)
      return `its CPU was read twice, with two answers: trit finds ${row.name} usable, but /proc/cpuinfo does not list ${lacking.join(', ')}; is that file of another machine (a container, an emulator)? --isa ${names[index - 1] ?? 'scalar'} measures without it`;
    if (!row.available && lacking.length === 0)
      return `its CPU was read twice, with two answers: /proc/cpuinfo lists all that ${row.name} needs (${row.needs}), but trit may not use it; does the system or a virtual machine hide it? --isa ${names[index - 1] ?? 'scalar'} measures without it`;
  }
  return null;
}

/** RISC-V kernels write "rv64imafdcv", one letter an extension. */
function kernelHas(features: readonly string[], feature: string): boolean {
  if (feature === 'v') return features.some((name) => /^rv\d+[a-u]*v/.test(name) || name === 'v');
  return features.includes(KERNEL_NAMES[feature] ?? feature);
}
