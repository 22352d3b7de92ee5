import { seeded } from './random.ts';

/** Fewest values on either side of a change. */
export const SIDE_MINIMUM = 3;
/** Chance of a change point where there is none, for each stretch that is tested. */
export const SIGNIFICANCE = 0.01;
const PERMUTATIONS = 499;
/** Newest values that are looked at. */
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
  const order = Int32Array.from(values, (_, i) => i);
  const stretch = new Stretch(values);
  const split = stretch.bestSplit(order);
  const p = split && significance(stretch, order, split.energy, random);
  if (!split || p === null) return [];
  return [
    ...within(values.slice(0, split.at), offset, random),
    { at: offset + split.at, p },
    ...within(values.slice(split.at), offset + split.at, random),
  ];
}

/** The p-value, or null where it is above SIGNIFICANCE: then no more shuffling is done than it takes to know. */
function significance(stretch: Stretch, order: Int32Array, energy: number, random: () => number): number | null {
  const most = Math.floor(SIGNIFICANCE * (PERMUTATIONS + 1)) - 1;
  let reached = 0;
  for (let i = 0; i < PERMUTATIONS; i++) {
    shuffle(order, random);
    if ((stretch.bestSplit(order)?.energy ?? 0) >= energy * (1 - 1e-9) && ++reached > most) return null;
  }
  return (1 + reached) / (PERMUTATIONS + 1);
}

/** Fisher and Yates. */
function shuffle(order: Int32Array, random: () => number): void {
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const kept = order[i] as number;
    order[i] = order[j] as number;
    order[j] = kept;
  }
}

/**
 * Values of which the best split is asked for in many orders. The distances of one to all the others are the same in every order, and those to
 * the ones before it come out of a Fenwick tree over the ranks (counts and sums): n log n a split and not n squared.
 */
class Stretch {
  /** Less the smallest, so that sums of nearly equal values lose nothing. */
  readonly #values: Float64Array;
  readonly #ranks: Int32Array;
  /** Of each value the sum of its distances to all others; and half the sum of them. */
  readonly #totals: Float64Array;
  readonly #all: number;
  /** By rank, from 1. */
  readonly #counts: Int32Array;
  readonly #sums: Float64Array;

  constructor(values: Float64Array) {
    const n = values.length;
    const byValue = Int32Array.from(values, (_, i) => i).sort((a, b) => (values[a] as number) - (values[b] as number));
    const least = values[byValue[0] ?? 0] ?? 0;
    this.#values = values.map((value) => value - least);
    this.#ranks = new Int32Array(n);
    this.#totals = new Float64Array(n);
    this.#counts = new Int32Array(n + 1);
    this.#sums = new Float64Array(n + 1);
    const sum = this.#values.reduce((all, value) => all + value, 0);
    let below = 0;
    byValue.forEach((i, rank) => {
      const value = this.#values[i] as number;
      this.#ranks[i] = rank;
      this.#totals[i] = rank * value - below + (sum - below) - (n - rank) * value;
      below += value;
    });
    this.#all = this.#totals.reduce((all, total) => all + total, 0) / 2;
  }

  /**
   * The split with the largest scaled energy distance m k / (m + k) (2 E|X - Y| - E|X - X'| - E|Y - Y'|) of its m and k values. Null where the
   * values are too few or all alike.
   */
  bestSplit(order: Int32Array): { at: number; energy: number } | null {
    const n = order.length;
    this.#counts.fill(0);
    this.#sums.fill(0);
    let [left, right, across] = [0, this.#all, 0]; // sums of distances within the left and the right part, and between them
    let sum = 0;
    let best: { at: number; energy: number } | null = null;
    for (let at = 1; at <= n - SIDE_MINIMUM; at++) {
      const one = order[at - 1] as number;
      const toLeft = this.#toThoseBefore(one, at - 1, sum);
      const toRight = (this.#totals[one] as number) - toLeft;
      sum += this.#values[one] as number;
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

  /** The sum of the distances of one value to those that were asked for before, of which there are `count` with this `sum`; it is then one of them. */
  #toThoseBefore(one: number, count: number, sum: number): number {
    const [value, rank] = [this.#values[one] as number, this.#ranks[one] as number];
    let [lower, below] = [0, 0]; // how many are smaller, and their sum
    for (let at = rank; at > 0; at -= at & -at) {
      lower += this.#counts[at] as number;
      below += this.#sums[at] as number;
    }
    for (let at = rank + 1; at < this.#counts.length; at += at & -at) {
      this.#counts[at] = (this.#counts[at] as number) + 1;
      this.#sums[at] = (this.#sums[at] as number) + value;
    }
    return lower * value - below + (sum - below) - (count - lower) * value;
  }
}
