import { METRICS, type Metric, type MetricName } from './metric.ts';
import type { MetricSummary } from './run.ts';

/** Fewest values for which a 95th percentile is shown. */
export const P95_MINIMUM = 20;

/**
 * Quantile by Hyndman and Fan's definition 7 (the default of R and NumPy): with h = (n - 1) p, the value at place h of the sorted values,
 * straight-line between its neighbours. `sorted` is in ascending order; NaN where it is empty.
 */
export function quantile(sorted: ArrayLike<number>, p: number): number {
  const h = (sorted.length - 1) * p;
  const low = sorted[Math.floor(h)];
  const high = sorted[Math.ceil(h)];
  if (low === undefined || high === undefined) return Number.NaN;
  return Math.min(high, low + (high - low) * (h - Math.floor(h))); // min: rounding or overflow never leads past a neighbour
}

/** A sorted copy. */
export function ascending(values: readonly number[]): Float64Array {
  return Float64Array.from(values).sort(); // twice as fast as sorting an array by a function
}

export function median(values: readonly number[]): number {
  return quantile(ascending(values), 0.5);
}

/** Summary of raw values in their base unit; null where there are none. p95 is null below P95_MINIMUM values. Nothing is rounded. */
export function summarise(values: readonly number[], unit: string): MetricSummary | null {
  const sorted = ascending(values);
  const n = sorted.length;
  const middle = quantile(sorted, 0.5);
  if (n === 0) return null;
  return {
    median: middle,
    p50: middle,
    p95: n < P95_MINIMUM ? null : quantile(sorted, 0.95),
    min: sorted[0] as number,
    max: sorted[n - 1] as number,
    n,
    unit,
  };
}

/** The one number that stands for a metric, by its row in the table of metrics. */
export function headline(name: MetricName, summary: MetricSummary): number {
  const row: Metric | undefined = METRICS.find((m) => m.name === name);
  if (row?.summary === 'max') return summary.max;
  if (row?.summary === 'min') return summary.min;
  return summary.median;
}

/** Gaps between neighbouring time stamps, in their unit: n stamps give n - 1. */
export function gaps(times: readonly number[]): number[] {
  return times.slice(1).map((time, i) => time - (times[i] as number));
}
