import { ascending, quantile } from './stats.ts';
import type { SignedRank } from './wilcoxon.ts';

/** Newest values of a side that are used: the exact distribution grows with their product. */
const MOST = 40;

/**
 * The exact rank-sum procedure for two unpaired samples (Wilcoxon 1945, Mann and Whitney 1947; interval and estimate after Hodges and Lehmann):
 * how much larger the second is. Throws a RangeError where a sample is empty or a value is no number. Of large samples the last values count.
 */
export function rankSum(first: readonly number[], second: readonly number[], level = 0.95): SignedRank {
  const [ours, theirs] = [first.slice(-MOST), second.slice(-MOST)];
  if (ours.length === 0 || theirs.length === 0 || ![...ours, ...theirs].every(Number.isFinite)) throw new RangeError('rankSum needs finite values');
  const differences = ascending(theirs.flatMap((b) => ours.map((a) => b - a)));
  const below = lowerTail(ours.length, theirs.length);
  const k = below.filter((probability) => probability <= (1 - level) / 2).length;
  const last = differences.length - 1;
  const interval: [number, number] =
    k === 0 ? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] : [differences[k - 1] as number, differences[last - k + 1] as number];
  const positive = differences.filter((difference) => difference >= 0).length;
  const negative = differences.filter((difference) => difference <= 0).length;
  return { estimate: quantile(differences, 0.5), interval, p: Math.min(1, 2 * (below[Math.min(positive, negative)] as number)) };
}

/** below[u]: probability that at most u of the m n pairs have the second value ahead, when all orders are alike. */
function lowerTail(m: number, n: number): number[] {
  // ways[j][s]: choices of j of the places 0 to i, s places in total ahead of the first j; n of m + n places belong to the second sample
  const ways = Array.from({ length: n + 1 }, () => new Float64Array(m * n + 1));
  (ways[0] as Float64Array)[0] = 1;
  for (let place = 0; place < m + n; place++) {
    for (let j = Math.min(place + 1, n); j >= 1; j--) {
      const ahead = place - (j - 1); // values of the first sample before this place, if it is the j-th of the second
      const [from, into] = [ways[j - 1] as Float64Array, ways[j] as Float64Array];
      for (let sum = 0; sum + ahead <= m * n; sum++) into[sum + ahead] = (into[sum + ahead] as number) + (from[sum] as number);
    }
  }
  const all = (ways[n] as Float64Array).reduce((sum, count) => sum + count, 0);
  let sum = 0;
  return Array.from(ways[n] as Float64Array, (count) => {
    sum += count / all;
    return Math.min(1, sum);
  });
}
