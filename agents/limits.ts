import { z } from 'zod';
import { sizeOn } from '../src/core/device_file.ts';
import { lastLine } from '../src/core/last_words.ts';
import { parsed } from '../src/core/parsed.ts';
import { workArguments } from './arguments.ts';
import { type Context, sample } from './launch.ts';

/** Longest time of one measurement, in ms: a second or two, but slow devices are slow. */
const LONGEST = 120_000;
/** Bytes of a model below which memory is not what limits it: it may lie in a cache. */
const SMALL = 64 * 2 ** 20;

/** `trit kernels --kernel none -o json`. */
const Report = z.object({
  exceeds_cache: z.boolean(),
  bandwidth: z.array(z.object({ threads: z.int(), gb_per_s: z.number().positive() })).min(1),
});
type Report = z.infer<typeof Report>;

/**
 * What memory delivers to as many threads as the run has, read in order by trit itself: the limit below which decode of a large model stands.
 * Where it cannot be measured the run goes on without it, and its journal says why. Suites whose launches are many and short do without.
 */
export async function measureLimits(at: Context): Promise<void> {
  const { host, job, journal, signal } = at;
  if (job.suite.limits === false || job.cases !== undefined) return; // an emulated processor has no memory of its own
  if (((await sizeOn(host, job.model.path)) ?? 0) <= SMALL) return;
  journal.write({ kind: 'phase', phase: 'limits' });
  const report = await read(at);
  signal.throwIfAborted();
  if (typeof report === 'string' || !report.exceeds_cache)
    journal.write({
      kind: 'log',
      text: `memory not measured: ${typeof report === 'string' ? report : 'trit cannot tell what of it came out of a cache'}`,
    });
  else {
    const { gb_per_s: rate } =
      report.bandwidth.find(({ threads }) => threads === job.threads) ?? (report.bandwidth.at(-1) as Report['bandwidth'][number]);
    sample(at, 'read_bandwidth', rate * 1e9, { prompt: null, launch: 0, repetition: 0, warmup: false });
  }
  journal.sync();
}

/** Gives a sentence where it failed. */
async function read({ host, job, signal }: Context): Promise<Report | string> {
  const reading = { ...job, isa: 'scalar' }; // the others have instructions whose peak would be measured as well
  const argv = [job.binary, 'kernels', '--kernel', 'none', '--rounds', '5', ...workArguments(reading), '-o', 'json'];
  const { code, stdout, stderr } = await host.exec(argv, { timeoutMs: LONGEST, signal });
  if (code !== 0) return lastLine(stderr) || `trit kernels ended with status ${code}`;
  return parsed(Report, stdout) ?? 'trit kernels told nothing that could be read';
}
