import { plainJson } from '../core/plain.ts';
import type { RunSummary } from '../core/run.ts';

/** One line a run. */
export function* jsonl(runs: Iterable<RunSummary>): Generator<string> {
  for (const run of runs) yield `${plainJson(run)}\n`;
}
