import { z } from 'zod';
import { sha256On } from '../src/core/device_file.ts';
import { twinPath } from '../src/core/job.ts';
import { lastLine } from '../src/core/last_words.ts';
import { parsed } from '../src/core/parsed.ts';
import { Engine } from './engine.ts';
import type { Context } from './launch.ts';
import { makeTwin } from './model.ts';

/** Right before fast: nothing is timed unless this binary computes the right thing on this device, with these threads. */

/** Time for `trit check`, in ms: it says nothing until it is done, and slow devices have many kernels. */
const CHECK_TIME = 900_000;

const Report = z.object({
  seed: z.number(),
  ok: z.boolean(),
  isas: z.array(z.object({ isa: z.string(), kernels: z.array(z.object({ kernel: z.string(), ok: z.boolean(), detail: z.string() })) })),
});

/** `trit check`: every kernel against the scalar specification. Flags wrong-output and throws where one differs. */
export async function checkKernels(at: Context): Promise<void> {
  const { host, job, journal, signal } = at;
  journal.write({ kind: 'phase', phase: 'check' });
  const some = job.cases === undefined ? [] : ['--cases', String(job.cases)];
  const { code, stdout, stderr } = await host.exec([job.binary, 'check', ...some, '-o', 'json'], { timeoutMs: CHECK_TIME, signal });
  const report = parsed(Report, stdout);
  journal.sync();
  if (code === 0 && report?.ok) return;
  const wrong = wrongKernels(stdout);
  if (!report || wrong.length === 0) {
    throw new Error(`trit check could not be run on the device (status ${code}): ${lastLine(stderr) || 'it gave no report'}`);
  }
  const evidence = `kernels differ from the specification (seed ${report.seed}): ${wrong.slice(0, 3).join('; ').slice(0, 2000)}`;
  at.flag('wrong-output', evidence);
  throw new Error(`${evidence}; nothing was timed`);
}

/** The kernels that `trit check -o json` found wrong, each with what differs; none where this is no report. */
export function wrongKernels(text: string): string[] {
  return parsed(Report, text)?.isas.flatMap(({ isa, kernels }) => kernels.filter((k) => !k.ok).map((k) => `${isa} ${k.kernel}: ${k.detail}`)) ?? [];
}

/** The golden-token run: a small known model must give known tokens. Flags wrong-output and throws where it does not. */
export async function goldenTokens(at: Context): Promise<void> {
  const { host, job, journal, signal } = at;
  const { golden, binary, threads, cpus, isa, timeout } = job;
  journal.write({ kind: 'phase', phase: 'golden' });
  const path = twinPath(job.workdir, golden.synth);
  await makeTwin(at, golden.synth, path);
  let sha256 = await sha256On(host, path);
  if (sha256 !== golden.sha256) {
    // An older binary may have left another one.
    await host.exec(['rm', '-f', path]);
    await makeTwin(at, golden.synth, path);
    sha256 = await sha256On(host, path);
  }
  if (sha256 === null) throw new Error(`the golden model ${path} was made and is not there; is its disk failing, or does something remove files?`);
  if (sha256 !== golden.sha256) refuse(at, `the golden model made on this device has sha256 ${sha256}, not ${golden.sha256}`);
  const engine = await Engine.start(host, { binary, model: path, threads, cpus, isa, context: 256, timeout, signal });
  try {
    const { tokens } = await engine.generate({ tokens: golden.prompt, max_tokens: golden.tokens.length, ignore_eos: true });
    if (tokens.join() !== golden.tokens.join()) refuse(at, `the golden model gave tokens ${tokens.join(' ')}, not ${golden.tokens.join(' ')}`);
    await engine.stop();
  } finally {
    await engine.abort();
  }
  journal.sync();
}

function refuse(at: Context, evidence: string): never {
  at.flag('wrong-output', evidence);
  throw new Error(`${evidence}; nothing was timed`);
}
