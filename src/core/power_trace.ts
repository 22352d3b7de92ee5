import { type Reading, type Source, silent } from './source.ts';
import { ascending, quantile } from './stats.ts';

/** What a source said over time. Times are seconds of one clock; a figure that was not given is null. */
export interface PowerTrace {
  readonly source: string;
  readonly scope: Source['scope'];
  /** Seconds between new values, as far as is known beforehand. */
  readonly refresh: number;
  readonly times: number[];
  readonly watts: (number | null)[];
  readonly joules: (number | null)[];
  /** How often it was silent, and the last reason. */
  silences: number;
  why: string | null;
}

/** Readings nearer to each other than this are not kept: a meter may send thousands a second. */
const NEAREST = 0.004;
/** An answer that took longer, s, belongs to no moment. A program that reads a phone's battery takes half a second. */
const SLOWEST = 1;
/** Points of one trace. */
const LONGEST = 500_000;

export function newTrace({ name, scope, refresh }: Source): PowerTrace {
  return { source: name, scope, refresh, times: [], watts: [], joules: [], silences: 0, why: null };
}

export function note(trace: PowerTrace, time: number, reading: Reading): void {
  if (reading.watts === null && reading.joules === null) {
    trace.silences += 1;
    trace.why = reading.why;
    return;
  }
  const last = trace.times.at(-1);
  if (trace.times.length >= LONGEST || (last !== undefined && time < last + NEAREST)) return;
  trace.times.push(time);
  trace.watts.push(reading.watts);
  trace.joules.push(reading.joules);
}

/** One reading, the moment it is of, and how long it took. */
export interface Timed {
  time: number;
  took: number;
  reading: Reading;
}

/** Reads once. The moment is the middle of the question, or the arrival where the source speaks by itself. */
export async function readAt(source: Source, clock: () => number): Promise<Timed> {
  const before = clock();
  const reading = await source.read();
  const after = clock();
  if (source.period === 0) return { time: after, took: 0, reading };
  const took = after - before;
  return { time: before + took / 2, took, reading: took > SLOWEST ? silent(`its answer took ${took.toFixed(1)} s`) : reading };
}

/** An answer that took this much longer than the quick ones, and a good share of a period, says less of when it is from: a busy machine, a slow network. */
const LATE = { factor: 1.5, quick: 0.2, share: 0.15, memory: 40 };

/** Tells readings that took much longer than the quick ones among the last. */
function lateness(period: number): (took: number) => boolean {
  const recent: number[] = [];
  return (took) => {
    recent.push(took);
    if (recent.length > LATE.memory) recent.shift();
    return recent.length > 5 && took > LATE.share * period && took > LATE.factor * quantile(ascending(recent), LATE.quick);
  };
}

/** Part of a period by which a question is put off, another one each time: a meter with a pace of its own is not always met at the same moment of it. */
function putOff(beat: number): number {
  return 0.4 * ((beat * 0.618034) % 1);
}

/**
 * Reads a source until the signal comes, on a fixed beat that a slow answer does not shift. `take` gets every reading, the silent ones
 * too; one that took longer than the others is left out, for its moment is not known, unless
 * the one before was left out already. A source that only fails is asked less and less often.
 */
export async function follow(
  source: Source,
  clock: () => number,
  signal: AbortSignal,
  take: (time: number, reading: Reading) => void,
  period = source.period,
): Promise<void> {
  const begun = clock();
  const late = lateness(period);
  let failures = 0;
  let kept = Number.NEGATIVE_INFINITY;
  for (let beat = 0; !signal.aborted; ) {
    const { time, took, reading } = await readAt(source, clock);
    if (signal.aborted) return;
    if (!late(took) || time - kept > 1.5 * Math.max(period, 0.02)) {
      kept = time;
      take(time, reading);
    }
    failures = reading.watts === null && reading.joules === null ? failures + 1 : 0;
    if (source.period === 0 && failures === 0) continue;
    const every = Math.max(period, 0.02);
    beat = Math.max(beat + 1, Math.floor((clock() - begun) / every) + 1);
    const wait = failures > 5 ? Math.min(10, every * failures) : begun + (beat + putOff(beat)) * every - clock();
    await pause(wait, signal);
  }
}

/** Resolves after so many seconds, or when the signal comes. */
export function pause(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const over = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', over);
      resolve();
    };
    const timer = setTimeout(over, Math.max(0, seconds) * 1000);
    signal.addEventListener('abort', over, { once: true });
  });
}
