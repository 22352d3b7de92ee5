import { FLAGS } from '../core/flags.ts';
import { plural } from '../core/format.ts';
import { plain } from '../core/plain.ts';
import type { RunSummary } from '../core/run.ts';

/** How to read the numbers, one sentence. */
export const LEGEND = 'Medians over all measured repetitions; t/s: tokens a second; range: lowest–highest; p95: from 20 values on.';

/** What the flags that these runs carry mean, each once, in the order of the table of flags. */
export function flagMeanings(runs: readonly RunSummary[]): { name: string; meaning: string }[] {
  return FLAGS.filter(({ name }) => runs.some((run) => run.flags.includes(name)));
}

/** The runs that did not end well, each with its reason. */
export function failures(runs: readonly RunSummary[]): { run: RunSummary; sentence: string }[] {
  return runs
    .filter((run) => run.status !== 'ok')
    .map((run) => ({
      run,
      sentence: `${plain(run.device)}, ${plain(run.toolchain)}, ${threads(run)}: ${run.status}${run.message ? ` – ${plain(run.message)}` : ''}`,
    }));
}

export function threads(run: RunSummary): string {
  if (run.threads === 0) return 'threads unknown'; // another program's run, or a device that was never reached
  return plural(run.threads, 'thread');
}
