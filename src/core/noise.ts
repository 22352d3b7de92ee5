import { judgeMetric, type StoredComparison } from './comparison.ts';
import type { MetricName } from './metric.ts';
import type { StoreReader } from './store.ts';

type Conditions = Pick<StoredComparison, 'device' | 'model' | 'suite' | 'threads' | 'epoch'>;

/** Half the width of the interval of the newest comparison of a build with itself under these conditions; null where there is none. */
export function noiseOf(
  store: Pick<StoreReader, 'comparisons'>,
  { device, model, suite, threads, epoch }: Conditions,
  name: MetricName,
): number | null {
  const conditions = { device, model, suite, threads, epoch };
  // nearly always the first has one
  for (const limit of [1, 5])
    for (const comparison of store.comparisons({ ...conditions, noise: true, limit, metrics: [name] })) {
      const [low, high] = judgeMetric(comparison, name, null)?.interval ?? [null, null];
      if (low !== null && high !== null) return (high - low) / 2;
    }
  return null;
}
