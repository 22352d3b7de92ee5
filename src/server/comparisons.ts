import { comparisonRows, isNoise, type StoredComparison } from '../core/comparison.ts';
import type { JudgedRow } from '../core/judged.ts';
import { noiseOf } from '../core/noise.ts';
import type { ComparisonFilter, StoreReader } from '../core/store.ts';

/** The stored comparisons, newest first, each metric judged as `fleet compare` judges it. */
export function judgedComparisons(store: StoreReader, filter: ComparisonFilter): JudgedRow[] {
  const comparisons = store.comparisons(filter);
  const byId = new Map(comparisons.map((comparison) => [comparison.id, comparison]));
  const noises = new Map<string, number | null>();
  const rows = comparisonRows(comparisons, (comparison, name) => {
    const key = JSON.stringify([comparison.device, comparison.model, comparison.suite, comparison.threads, comparison.epoch, name]);
    const known = noises.get(key);
    const noise = known === undefined ? noiseOf(store, comparison, name) : known;
    noises.set(key, noise);
    return noise;
  });
  return rows.map((row) => {
    const comparison = byId.get(row.id) as StoredComparison;
    const { started, status, baseline, candidate } = comparison;
    const spec = ({ toolchain, flags }: StoredComparison['baseline']) => ({ toolchain, flags });
    return { ...row, started, status, sides: { baseline: spec(baseline), candidate: spec(candidate) }, isNoise: isNoise(comparison) };
  });
}
