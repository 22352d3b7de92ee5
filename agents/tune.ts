import { z } from 'zod';
import { lastLine } from '../src/core/last_words.ts';
import { parsed } from '../src/core/parsed.ts';
import { workArguments } from './arguments.ts';
import type { Context } from './launch.ts';

/** Longest time for the measurement itself plus packing the weights in the layout that came out, in ms: slow cards are slow. */
const TUNE_TIME = 1_800_000;

const Report = z.object({ layout: z.enum(['t2', 't5']), load: z.string(), layout_ratio: z.number().nullable(), load_ratio: z.number().nullable() });

/**
 * `trit tune`: what `--layout auto` and `--load auto` are to choose on this CPU, measured once for each kind of model and number of threads and
 * kept on the device; what was used is in the engine's `ready` event. A model too small to be tuned is passed over. Where it cannot be
 * measured the run goes on with trit's own choice and says why in the journal.
 */
export async function tune(at: Context): Promise<void> {
  const { host, job, journal, signal } = at;
  journal.write({ kind: 'phase', phase: 'tune' });
  const argv = [job.binary, 'tune', '--missing', '-m', job.model.path, ...workArguments(job), '-o', 'json'];
  const { code, stdout, stderr } = await host.exec(argv, { timeoutMs: TUNE_TIME, signal });
  signal.throwIfAborted();
  if (code !== 0) journal.write({ kind: 'log', text: `not tuned: ${lastLine(stderr) || `trit tune ended with status ${code}`}` });
  else if (stdout.trim()) journal.write({ kind: 'log', text: `tuned: ${sentence(stdout)}` });
  journal.sync();
}

function sentence(stdout: string): string {
  const report = parsed(Report, stdout);
  if (!report) return 'trit told nothing that could be read';
  const { layout, load, layout_ratio, load_ratio } = report;
  const ratio = (value: number | null) => (value === null ? 'not measured' : value.toFixed(2));
  return `layout ${layout} (time of t5 by that of t2: ${ratio(layout_ratio)}), load ${load} (time of copied by that of mapped weights: ${ratio(load_ratio)})`;
}
