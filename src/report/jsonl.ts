import { plainJson } from '../core/plain.ts';
import type { RunSummary } from '../core/run.ts';

/** One line a run. */
export function jsonl(runs: readonly RunSummary[]): string {
  return runs.map((run) => `${plainJson(run)}\n`).join('');
}
