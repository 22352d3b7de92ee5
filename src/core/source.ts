import type { Scope } from './scope.ts';

/** What a source says once. Both null: it says nothing now, and `why` is a sentence without a full stop. */
export interface Reading {
  /** Power now, or its mean since the reading before. */
  watts: number | null;
  /** Energy since the source was opened, J: a counter with wrap-arounds taken out. It falls only where the counter was lost. */
  joules: number | null;
  why: string | null;
}

/** One thing that tells power or energy: a sensor of the device, or a meter beside it. */
export interface Source {
  /** "rapl", "pmic", "plug": one word that stays the same from run to run. */
  readonly name: string;
  readonly scope: Scope;
  /** What exactly is read, for people. */
  readonly detail: string;
  /** Seconds between readings that are worth it; 0 where `read` waits for the next one by itself. */
  readonly period: number;
  /** Seconds between a value and the next new one, as far as is known beforehand. */
  readonly refresh: number;
  /** Answers with a reading, whatever happens. */
  read(): Promise<Reading>;
  /** Ends what it runs; a `read` that waits then answers. */
  close(): Promise<void>;
}

export function silent(why: string): Reading {
  return { watts: null, joules: null, why };
}

/** A reading of power. Whatever cannot be a power is none. */
export function powerOf(watts: number | null, why = 'it gave no figure'): Reading {
  if (watts === null || !Number.isFinite(watts) || watts < 0 || watts > MOST) return silent(why);
  return { watts, joules: null, why: null };
}

/** A device of this project takes less, W: what is above is no power but a fault. */
export const MOST = 20_000;

/** How far a counter goes down where it was lost: further than anything could lift it again within a run. */
const LOSS = 1e9;

/** Sums up a counter of energy, J, that begins again at 0 after `range`, or may be set back (range null). */
export class Counter {
  readonly #range: number | null;
  #last: { joules: number; time: number } | null = null;
  #total = 0;

  constructor(range: number | null) {
    this.#range = range;
  }

  /**
   * Takes what the counter shows at `time` (s) and gives the energy since the first call. Where it was set back, or leapt further than any
   * device could make it, the energy in between is unknown: the sum then falls, which it never does otherwise.
   */
  add(joules: number, time: number): number {
    const last = this.#last;
    this.#last = { joules, time };
    if (last === null) return this.#total;
    const step = joules >= last.joules ? joules - last.joules : this.#range === null ? Number.NaN : joules + this.#range - last.joules;
    const possible = step >= 0 && step <= MOST * Math.max(time - last.time, 0.05);
    this.#total += possible ? step : -LOSS;
    return this.#total;
  }
}
