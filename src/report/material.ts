import type { ComparisonRow } from '../core/comparison.ts';
import type { Published } from '../core/published.ts';
import type { RunSummary } from '../core/run.ts';
import type { RunDetail } from '../core/store.ts';

/** What a report is made of. */
export interface Material {
  /** Newest first, without what each prompt gave. */
  readonly runs: readonly RunSummary[];
  /** The same with each prompt, and with every sample and trace where one asks for them; they are read while one goes through them. */
  readonly whole: Iterable<RunSummary>;
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
