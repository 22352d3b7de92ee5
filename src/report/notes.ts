import { FLAGS } from '../core/flags.ts';
import { plural } from '../core/format.ts';
import { plain } from '../core/plain.ts';
import type { RunSummary } from '../core/run.ts';

/** How to read the numbers, one sentence. */
export const LEGEND = 'Medians over all measured repetitions; t/s: tokens a second; range: lowest–highest; p95: from 20 values on.';

/** Runs that a table for people has at most; csv, json and jsonl have all. */
export const LISTED = 1000;
/** Failed runs that are told one by one. */
const FAILED = 100;

/** Says that a table is cut; null where it has all of them. */
export function newestOnly(runs: number): string | null {
  return runs > LISTED
    ? `The newest ${LISTED} of ${runs} runs are listed; csv, json and jsonl have all of them, --device, --model, --since and --limit choose others.`
    : null;
}

/** What the flags that these runs carry mean, each once, in the order of the table of flags. */
export function flagMeanings(runs: readonly RunSummary[]): { name: string; meaning: string }[] {
  return FLAGS.filter(({ name }) => runs.some((run) => run.flags.includes(name)));
}

/** A sentence for each run that did not end well, with its reason; of very many the newest and how many more there are. */
export function failures(runs: readonly RunSummary[]): string[] {
  const failed = runs.filter((run) => run.status !== 'ok');
  const told = failed
    .slice(0, FAILED)
    .map((run) => `${plain(run.device)}, ${plain(run.toolchain)}, ${threads(run)}: ${run.status}${run.message ? ` – ${plain(run.message)}` : ''}`);
  return failed.length > FAILED ? [...told, `and ${failed.length - FAILED} more`] : told;
}

export function threads(run: RunSummary): string {
  if (run.threads === 0) return 'threads unknown'; // another program's run, or a device that was never reached
  return plural(run.threads, 'thread');
}
