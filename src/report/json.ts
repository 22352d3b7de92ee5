import { plainJson } from '../core/plain.ts';
import type { RunSummary } from '../core/run.ts';

/** One document, {"runs":[…]}: the shape of `fleet bench --json`. */
export function json(runs: readonly RunSummary[]): string {
  return `${plainJson({ runs }, 2)}\n`;
}
