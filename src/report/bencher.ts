import { clip, plain, plainJson } from '../core/plain.ts';
import type { Material } from './material.ts';
import { newestOf } from './newest.ts';

/** Longest name of a benchmark, by Bencher's reference. */
const LONGEST = 1024;

/** Bencher Metric Format: {benchmark: {measure: {value, lower_value, upper_value}}}; measures by their slugs, values in base units, the bounds are the lowest and highest raw value. */
export function bencher({ runs }: Material): string {
  const benchmarks = newestOf(runs).map(({ name, figures }) => [
    clip(plain(name), LONGEST),
    Object.fromEntries(
      figures.map(({ metric, summary, value }) => [metric.name.replaceAll('_', '-'), { value, lower_value: summary.min, upper_value: summary.max }]),
    ),
  ]);
  return `${plainJson(Object.fromEntries(benchmarks), 2)}\n`;
}
