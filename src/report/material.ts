import type { ComparisonRow } from '../core/comparison.ts';
import type { Published } from '../core/published.ts';
import type { RunSummary } from '../core/run.ts';
import type { RunDetail } from '../core/store.ts';

/** What a report is made of. */
export interface Material {
  /** Newest first. They may carry their details; json and jsonl write all that they are given. */
  readonly runs: readonly RunSummary[];
  /** Everything of a run; null where it has gone. Read one by one, for a report may be of thousands of runs. */
  detail(id: string): RunDetail | null;
  /** Of builds, judged. */
  readonly comparisons: readonly ComparisonRow[];
  readonly published: Published | null;
  /** When it is made, ms since 1970. */
  readonly made: number;
  /** Name of the picture that stands beside it; null where none does. */
  readonly picture: string | null;
}
