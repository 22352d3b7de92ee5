import { ascending, quantile } from './stats.ts';

/**
 * The exact signed-rank procedure for paired differences (Wilcoxon 1945; interval and estimate after Hodges and Lehmann 1963). By hand,
 * because the statistics packages of the registry give a p-value but neither estimate nor interval.
 */
export interface SignedRank {
  /** Median of the Walsh averages (d(i) + d(j)) / 2, i <= j. */
  estimate: number;
  /** Of at least the level asked for: minus to plus infinity where so few pairs cannot reach it. */
  interval: [number, number];
  /** Two-sided p of no difference. */
  p: number;
}

/** Differences of n pairs, in any unit. Throws a RangeError on none, or on one that is no number. */
export function signedRank(differences: readonly number[], level = 0.95): SignedRank {
  if (differences.length === 0 || !differences.every(Number.isFinite)) throw new RangeError('signedRank needs finite differences');
  const walsh = walshAverages(differences);
  const below = lowerTail(differences.length);
  // The interval inverts the test: it leaves out k averages at each end, where a rank sum below k has at most half of 1 - level.
  const k = below.filter((probability) => probability <= (1 - level) / 2).length;
  const last = walsh.length - 1;
  const interval: [number, number] =
    k === 0 ? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] : [walsh[k - 1] as number, walsh[last - k + 1] as number];
  return { estimate: quantile(walsh, 0.5), interval, p: pValue(walsh, below) };
}

/** The rank sum of the positive differences is the number of positive Walsh averages; one that is 0 counts for either side, against a difference. */
function pValue(walsh: Float64Array, below: readonly number[]): number {
  const positive = walsh.filter((average) => average >= 0).length;
  const negative = walsh.filter((average) => average <= 0).length;
  return Math.min(1, 2 * (below[Math.min(positive, negative)] as number));
}

function walshAverages(values: readonly number[]): Float64Array {
  return ascending(values.flatMap((a, i) => values.slice(i).map((b) => (a + b) / 2)));
}

/** below[t]: probability of a rank sum of at most t, when each of the ranks 1 to n has either sign alike. */
function lowerTail(n: number): number[] {
  let ways = [1];
  for (let rank = 1; rank <= n; rank++) {
    const next = new Array<number>(ways.length + rank).fill(0);
    ways.forEach((count, sum) => {
      next[sum] = (next[sum] as number) + count / 2;
      next[sum + rank] = (next[sum + rank] as number) + count / 2;
    });
    ways = next;
  }
  let sum = 0;
  return ways.map((probability) => {
    sum += probability;
    return sum;
  });
}
