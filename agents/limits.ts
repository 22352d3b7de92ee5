import { sizeOn } from '../src/core/device_file.ts';
import { lastLine } from '../src/core/last_words.ts';
import { IN_CACHE, MemoryReading, memoryArguments } from '../src/core/memory_reading.ts';
import { parsed } from '../src/core/parsed.ts';
import { workArguments } from './arguments.ts';
import { type Context, sample } from './launch.ts';

/** Longest time of one measurement, in ms: a second or two, but slow devices are slow. */
const LONGEST = 120_000;

/**
 * What memory delivers to as many threads as the run has, read in order by trit itself: the limit below which decode of a large model stands.
 * Where it cannot be measured the run goes on without it, and its journal says why. Suites whose launches are many and short do without.
 */
export async function measureLimits(at: Context): Promise<void> {
  const { host, job, journal, signal } = at;
  if (job.suite.limits === false || job.cases !== undefined) return; // an emulated processor has no memory of its own
  if (((await sizeOn(host, job.model.path)) ?? 0) <= IN_CACHE) return;
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
      report.bandwidth.find(({ threads }) => threads === job.threads) ?? (report.bandwidth.at(-1) as MemoryReading['bandwidth'][number]);
    sample(at, 'read_bandwidth', rate * 1e9, { prompt: null, launch: 0, repetition: 0, warmup: false });
  }
  journal.sync();
}

/** Gives a sentence where it failed. */
async function read({ host, job, signal }: Context): Promise<MemoryReading | string> {
  const argv = [job.binary, ...memoryArguments(5), ...workArguments({ ...job, isa: null })];
  const { code, stdout, stderr } = await host.exec(argv, { timeoutMs: LONGEST, signal });
  if (code !== 0) return lastLine(stderr) || `trit kernels ended with status ${code}`;
  return parsed(MemoryReading, stdout) ?? 'trit kernels told nothing that could be read';
}
