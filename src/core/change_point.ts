import { seeded } from './random.ts';

/** Fewest values on either side of a change. */
export const SIDE_MINIMUM = 3;
/** Chance of a change point where there is none, for each stretch that is tested. */
export const SIGNIFICANCE = 0.01;
const PERMUTATIONS = 499;
/** Newest values that are looked at: the work grows with their square. */
export const MOST_VALUES = 400;

/** Something changed between values[at - 1] and values[at]. */
export interface ChangePoint {
  at: number;
  /** Of nothing having changed in the stretch that was split here, by permutation. */
  p: number;
}

/**
 * Where the distribution of a series changes: E-Divisive (Matteson and James 2014). The split with the largest energy distance between both
 * sides is held against the largest of shuffled copies of the stretch; where few of them reach it the stretch is split, and each part is looked
 * at in the same way. The seed makes the answer repeatable. By hand, because the registry has no maintained package for it.
 *
 * The shuffling takes the values as exchangeable: a device that drifts or warms up gives more false alarms than SIGNIFICANCE says, which is
 * why a change point is confirmed by a rerun.
 */
export function changePoints(values: readonly number[], seed = 1): ChangePoint[] {
  if (!values.every(Number.isFinite)) throw new RangeError('change points need finite values');
  const skipped = Math.max(0, values.length - MOST_VALUES);
  return within(Float64Array.from(values.slice(skipped)), skipped, seeded(seed));
}

function within(values: Float64Array, offset: number, random: () => number): ChangePoint[] {
  const split = bestSplit(values);
  const p = split && significance(values, split.energy, random);
  if (!split || p === null) return [];
  return [
    ...within(values.slice(0, split.at), offset, random),
    { at: offset + split.at, p },
    ...within(values.slice(split.at), offset + split.at, random),
  ];
}

/** The p-value, or null where it is above SIGNIFICANCE: then no more shuffling is done than it takes to know. */
function significance(values: Float64Array, energy: number, random: () => number): number | null {
  const most = Math.floor(SIGNIFICANCE * (PERMUTATIONS + 1)) - 1;
  const shuffled = Float64Array.from(values);
  let reached = 0;
  for (let i = 0; i < PERMUTATIONS; i++) {
    shuffle(shuffled, random);
    if ((bestSplit(shuffled)?.energy ?? 0) >= energy * (1 - 1e-9) && ++reached > most) return null;
  }
  return (1 + reached) / (PERMUTATIONS + 1);
}

/** Fisher and Yates. */
function shuffle(values: Float64Array, random: () => number): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const kept = values[i] as number;
    values[i] = values[j] as number;
    values[j] = kept;
  }
}

/**
 * The split with the largest scaled energy distance m k / (m + k) (2 E|X - Y| - E|X - X'| - E|Y - Y'|) of its m and k values. Null where the
 * values are too few or all alike.
 */
function bestSplit(values: Float64Array): { at: number; energy: number } | null {
  const n = values.length;
  let [left, right, across] = [0, 0, 0]; // sums of distances within the left and the right part, and between them
  for (let i = 1; i < n; i++) right += distances(values, i, 0, i);
  let best: { at: number; energy: number } | null = null;
  for (let at = 1; at <= n - SIDE_MINIMUM; at++) {
    const [toLeft, toRight] = [distances(values, at - 1, 0, at - 1), distances(values, at - 1, at, n)];
    left += toLeft;
    right -= toRight;
    across += toRight - toLeft;
    if (at < SIDE_MINIMUM) continue;
    const [m, k] = [at, n - at];
    const energy = ((m * k) / n) * ((2 * across) / (m * k) - (2 * left) / (m * (m - 1)) - (2 * right) / (k * (k - 1)));
    if (energy > (best?.energy ?? 1e-12)) best = { at, energy };
  }
  return best;
}

/** Sum of |values[one] - values[i]| for from <= i < to. */
function distances(values: Float64Array, one: number, from: number, to: number): number {
  const value = values[one] as number;
  let sum = 0;
  for (let i = from; i < to; i++) sum += Math.abs((values[i] as number) - value);
  return sum;
}
