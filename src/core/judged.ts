import type { BuildSpec } from './build.ts';
import type { ComparisonRow, StoredComparison } from './comparison.ts';

/** A metric of a stored comparison, judged as `fleet compare` judges it: GET /api/compare without sides. */
export interface JudgedRow extends ComparisonRow {
  started: number; // ms since 1970
  status: StoredComparison['status'];
  sides: { baseline: BuildSpec; candidate: BuildSpec };
  /** A build against itself: the noise of the device. */
  isNoise: boolean;
}
