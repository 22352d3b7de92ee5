import type { PowerTrace } from './power_trace.ts';
import { ascending, median, quantile } from './stats.ts';

/** From begin to end, in the clock of the traces. */
export interface Window {
  begin: number;
  end: number;
}

export interface Energy extends Window {
  joules: number;
  /** A counter is taken before samples are integrated: integrating misses what happens between two of them. */
  method: 'counter' | 'trapezoid';
  /** New values within the window. */
  updates: number;
}

/** Why a window has no energy: a sentence without a full stop. */
export interface NoEnergy {
  joules: null;
  why: string;
}

/** New values a window must hold: fewer say too little of what happened in it. */
const ENOUGH = { counter: 5, trapezoid: 10 } as const;
/** A source that is silent longer than this many of its own intervals has been lost. */
const LOST = 3;
/** But not for so small a share of a window, or less than 1 s: a busy machine. */
const BLINK = 0.1;

/**
 * Energy within a window: from the counter where the source has one that moves often enough, else by the trapezoid rule on the time stamps
 * as they are, with straight lines to the window's edges. Null where the source was lost, or is too slow for the window; never 0 for that.
 */
export function energyIn(trace: PowerTrace, window: Window): Energy | NoEnergy {
  if (!(window.end > window.begin)) return { joules: null, why: 'the window is empty' };
  const counter = lineEnergy(counterLine(trace), window, 'counter');
  if (counter.joules !== null) return counter;
  const power = powerLine(trace);
  if (power.times.length === 0 && trace.times.length > 0) return counter;
  return lineEnergy(power, window, 'trapezoid', trace.why);
}

/** Values over time, and how many seconds lie between two new ones. */
interface Line {
  times: number[];
  values: number[];
  interval: number;
}

/** The counter at the moments it moved: in between it says nothing new. A fall is a loss, after which it counts from another beginning. */
function counterLine({ times, joules, refresh }: PowerTrace): Line {
  const line: Line = { times: [], values: [], interval: refresh };
  let still = 0;
  for (const [i, value] of joules.entries()) {
    if (value === null) continue;
    if (value === line.values.at(-1)) {
      still += 1;
      continue;
    }
    line.times.push(times[i] as number);
    line.values.push(value);
  }
  if (still > line.times.length / 2) {
    line.times.shift(); // when a counter that often stands still came to its first figure is not known
    line.values.shift();
  }
  return { ...line, interval: Math.max(refresh, spacing(line.times)) };
}

/**
 * Power. A meter that is asked more often than it has something new is taken at the moments of its new values, each between the question
 * that still got the old one and the one that got the new; where the same value came again, at the meter's own pace.
 */
function powerLine({ times, watts, refresh }: PowerTrace): Line {
  const kept = watts.flatMap((value, i) => (value === null ? [] : [{ time: times[i] as number, value }]));
  const asked = spacing(kept.map(({ time }) => time));
  const changes = kept.filter(({ value }, i) => i > 0 && value !== kept[i - 1]?.value).map(({ time }) => time);
  const gaps = changes.slice(1).map((time, i) => time - (changes[i] as number));
  const pace = Math.max(gaps.length >= 3 ? quantile(ascending(gaps), 0.1) : 0, refresh, asked);
  const points = pace > 1.5 * asked ? steps(kept, pace, LOST * asked) : kept;
  return { times: points.map(({ time }) => time), values: points.map(({ value }) => value), interval: pace };
}

interface Point {
  time: number;
  value: number;
}

/** `apart`: questions further from each other than this have nothing to do with each other. */
function steps(points: readonly Point[], pace: number, apart: number): Point[] {
  const found: Point[] = [];
  for (const [i, { time, value }] of points.entries()) {
    const before = points[i - 1];
    const last = found.at(-1);
    if (!before || !last || time - before.time > apart) found.push({ time, value });
    else if (value !== before.value) found.push({ time: Math.max(last.time, (before.time + time) / 2), value });
    else if (time - last.time > 1.5 * pace) found.push({ time: Math.min(time, last.time + pace), value });
  }
  const end = points.at(-1);
  if (end && found.length > 0 && end.time > (found.at(-1) as Point).time) found.push(end);
  return found;
}

/** Median time between neighbours; 0 where there are no two. */
function spacing(times: readonly number[]): number {
  return times.length < 2 ? 0 : median(times.slice(1).map((time, i) => time - (times[i] as number)));
}

function lineEnergy({ times, values, interval }: Line, window: Window, method: Energy['method'], silence: string | null = null): Energy | NoEnergy {
  const because = silence === null ? '' : ` (${silence})`;
  const { begin, end } = window;
  if (times.length < 2) return { joules: null, why: `it gave no readings${because}` };
  const length = end - begin;
  // The neighbours of the edges count too: the window lies between them.
  const first = Math.max(0, upper(times, begin) - 1);
  const last = Math.min(times.length - 1, lower(times, end));
  const reach = Math.max(LOST * interval, Math.min(1, BLINK * length));
  if ((times[first] as number) > begin) return { joules: null, why: `it was silent at the beginning of the window${because}` };
  if ((times[last] as number) < end) return { joules: null, why: `it was silent at the end of the window${because}` };
  for (let i = first; i < last; i++) {
    const gap = (times[i + 1] as number) - (times[i] as number);
    const edge = (times[i] as number) < begin || (times[i + 1] as number) > end;
    if (method === 'counter' && (values[i + 1] as number) < (values[i] as number))
      return { joules: null, why: 'its counter was set back in the window' };
    // A counter counts on while nobody reads it; only the share of the gaps that the edges cut is guessed.
    if (gap > reach && (method === 'trapezoid' || edge))
      return { joules: null, why: `it was silent for ${gap.toFixed(1)} s in the window${because}` };
  }
  const updates = Math.floor(length / Math.max(interval, 1e-9));
  const held = method === 'counter' ? Math.min(updates, last - first + 1) : updates;
  if (held < ENOUGH[method])
    return { joules: null, why: `the window of ${length.toFixed(2)} s holds ${held} new values, and ${ENOUGH[method]} are needed` };
  const joules = method === 'counter' ? at(times, values, end) - at(times, values, begin) : area(times, values, window);
  return { joules, method, updates: held, begin, end };
}

/** Straight line between neighbours. */
function at(times: readonly number[], values: readonly number[], time: number): number {
  const after = upper(times, time);
  const [v0, v1] = [values[after - 1], values[after]];
  if (v0 === undefined) return v1 as number;
  if (v1 === undefined) return v0;
  const [t0, t1] = [times[after - 1] as number, times[after] as number];
  return v0 + ((v1 - v0) * (time - t0)) / (t1 - t0);
}

function area(times: readonly number[], values: readonly number[], { begin, end }: Window): number {
  let sum = 0;
  let [time, value] = [begin, at(times, values, begin)];
  for (let i = upper(times, begin); i < times.length && (times[i] as number) < end; i++) {
    sum += (((values[i] as number) + value) / 2) * ((times[i] as number) - time);
    [time, value] = [times[i] as number, values[i] as number];
  }
  return sum + ((at(times, values, end) + value) / 2) * (end - time);
}

/** Place of the first time after `time`. */
function upper(times: readonly number[], time: number): number {
  return search(times, (other) => other > time);
}

/** Place of the first time at or after `time`. */
function lower(times: readonly number[], time: number): number {
  return search(times, (other) => other >= time);
}

function search(times: readonly number[], holds: (time: number) => boolean): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(times[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}
