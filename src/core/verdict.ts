import type { Metric } from './metric.ts';
import { signedRank } from './wilcoxon.ts';

/** Numbers of pairs at which the data may be looked at. Fixed beforehand: whoever stops when he likes the result finds what he likes. */
export const LOOKS: readonly number[] = [8, 14, 20];

/** Chance of a wrong "faster" or "slower" over all looks together, divided evenly among them (Bonferroni). */
const ERROR = 0.05;
export const LEVEL = 1 - ERROR / LOOKS.length;

export type Verdict = 'faster' | 'slower' | 'same' | 'unknown';

export interface Judgement {
  /** candidate / baseline - 1: Hodges-Lehmann over the pairs. */
  change: number;
  /** Of `change`, at LEVEL; an end is null where so few pairs say nothing. */
  interval: [number | null, number | null];
  verdict: Verdict;
  pairs: number;
  p: number;
  /** Least change that counts: see leastChange. */
  threshold: number;
}

/** Both values of one pair of launches, in the metric's base unit, greater than 0. */
export interface Pair {
  baseline: number;
  candidate: number;
}

/**
 * What pairs of launches say. faster, slower: the interval leaves out 0 and the change is large enough to count (leastChange). same: the interval
 * lies within the threshold of the metric on both sides, however noisy the device. Else unknown. `better` turns the sign, so that faster is
 * always the good side. Throws a RangeError where there are no pairs or a value is not positive.
 */
export function judge(pairs: readonly Pair[], better: Metric['better'], threshold: number, noise: number | null = null): Judgement {
  const least = leastChange(threshold, noise, pairs.length);
  const { estimate, interval, p } = signedRank(pairs.map(logRatio), LEVEL);
  const known = (end: number) => (Number.isFinite(end) ? Math.expm1(end) : null);
  return {
    change: Math.expm1(estimate),
    interval: [known(interval[0]), known(interval[1])],
    verdict: verdictOf(interval, estimate, { same: Math.log1p(threshold), counts: Math.log1p(least) }, better),
    ...{ pairs: pairs.length, p, threshold: least },
  };
}

/**
 * The least change that counts after so many pairs: that of the metric, or what the device's own noise hides. `noise` is half the width of the
 * interval when the device was compared with itself, which takes the pairs of the first look; more pairs show less.
 */
export function leastChange(threshold: number, noise: number | null, pairs: number): number {
  return Math.max(threshold, (noise ?? 0) * Math.sqrt((LOOKS[0] as number) / pairs));
}

function logRatio({ baseline, candidate }: Pair): number {
  if (!(baseline > 0 && candidate > 0)) throw new RangeError(`a ratio needs two positive values, not ${baseline} and ${candidate}`);
  return Math.log(candidate / baseline);
}

function verdictOf(
  [low, high]: [number, number],
  estimate: number,
  { same, counts }: { same: number; counts: number },
  better: Metric['better'],
): Verdict {
  if (low > -same && high < same) return 'same';
  if ((low > 0 || high < 0) && Math.abs(estimate) >= counts) return estimate > 0 === (better === 'higher') ? 'faster' : 'slower';
  return 'unknown';
}

/** The number of pairs at which to look next: null when the verdict stands, or the last look has been. */
export function nextLook(judgement: Judgement | null, looks: readonly number[] = LOOKS): number | null {
  if (judgement && judgement.verdict !== 'unknown') return null;
  return looks.find((pairs) => pairs > (judgement?.pairs ?? 0)) ?? null;
}

/**
 * Which of many p-values hold at a false-discovery rate (Benjamini and Hochberg 1995): all up to the largest p(i) <= rate * i / m.
 * The answer is in the order of the values.
 */
export function discoveries(values: readonly number[], rate = 0.05): boolean[] {
  const sorted = [...values].sort((a, b) => a - b);
  const last = sorted.findLastIndex((p, i) => p <= (rate * (i + 1)) / sorted.length);
  const bar = sorted[last] ?? -1;
  return values.map((p) => p <= bar);
}
