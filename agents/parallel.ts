import { z } from 'zod';
import { lastLine } from '../src/core/last_words.ts';
import { parsed } from '../src/core/parsed.ts';
import { workArguments } from './arguments.ts';
import { type Context, sample } from './launch.ts';

/** Rows of `trit bench -o json` that are read here. */
const Rows = z.array(z.object({ n_parallel: z.int().positive(), n_gen: z.int().positive(), samples_ns: z.array(z.number().positive()) }));

/** Longest time of the whole pass, in ms. */
const LONGEST = 3 * 3600_000;

/**
 * Throughput: several sequences decoded at once, by `trit bench --parallel`. Each repetition is a sample of throughput_rate, all sequences'
 * tokens a second, under the prompt "parallel-<sequences>". Throws with trit's sentence where it fails.
 */
export async function measureParallel(at: Context): Promise<void> {
  const { host, job, journal, signal } = at;
  const { suite, binary, model, threads, cpus, isa } = job;
  if (!suite.parallel) return;
  const { sequences, tokens, depth } = suite.parallel;
  journal.write({ kind: 'phase', phase: 'parallel', detail: sequences.join(', ') });
  const argv = [binary, 'bench', '-m', model.path, ...workArguments({ threads, cpus, isa, kv: suite.kv })];
  argv.push('-p', '0', '-n', String(tokens), '-d', String(depth), '-r', String(suite.repetitions), '--parallel', sequences.join(','), '-o', 'json');
  const { code, stdout, stderr } = await host.exec(argv, { timeoutMs: LONGEST, signal });
  const rows = parsed(Rows, stdout);
  if (code !== 0 || rows === null)
    throw new Error(`trit bench --parallel could not be run: ${lastLine(stderr) || `status ${code}, and what it wrote is no result`}`);
  for (const { n_parallel, n_gen, samples_ns } of rows) {
    for (const [repetition, ns] of samples_ns.entries())
      sample(at, 'throughput_rate', (n_parallel * n_gen) / (ns / 1e9), { prompt: `parallel-${n_parallel}`, launch: 0, repetition, warmup: false });
  }
  journal.sync();
}
