import type { Scope } from './scope.ts';
import { ascending, quantile } from './stats.ts';
import type { RunDetail, StoredSeries } from './store.ts';

/** A value at a second of the run; a y of NaN breaks the line. */
export interface Point {
  x: number;
  y: number;
}

/** One line. */
export interface Trace {
  /** Its source, or what it is of; "" for the only one. */
  name: string;
  /** Computed and not measured: it is drawn differently. */
  estimated: boolean;
  points: Point[];
}

/** What is drawn over one axis. */
export interface Strip {
  id: 'power' | 'temperature' | 'frequency' | 'memory' | 'speed';
  title: string;
  /** Of y: the base unit. */
  unit: string;
  traces: Trace[];
}

/** Strips over one time line, the seconds of the run: what happened together stands above each other. */
export interface Timeline {
  from: number;
  to: number;
  strips: Strip[];
  /** What the sources cover. */
  scopes: { source: string; scope: Scope }[];
}

/** All that was traced in a run, from its tokens to its power; null where nothing was. */
export function timelineOf(run: RunDetail): Timeline | null {
  const strips = (
    [
      { id: 'power', title: 'Power', unit: 'W', traces: powers(run) },
      { id: 'temperature', title: 'Temperature', unit: 'degC', traces: gauge(run, 'temperature') },
      { id: 'frequency', title: 'Clock', unit: 'Hz', traces: gauge(run, 'frequency') },
      { id: 'memory', title: 'Memory', unit: 'B', traces: memories(run) },
      { id: 'speed', title: 'Tokens', unit: 'tokens/s', traces: speeds(run) },
    ] satisfies Strip[]
  ).filter(({ traces }) => traces.length > 0);
  if (strips.length === 0) return null;
  const ends = strips.flatMap(({ traces }) => traces.flatMap(({ points }) => [points[0]?.x ?? 0, points.at(-1)?.x ?? 0]));
  const scopes = new Map(run.series.flatMap(({ source, scope }) => (source !== null && scope !== null ? [[source, scope] as const] : [])));
  return { from: Math.min(...ends), to: Math.max(...ends), strips, scopes: [...scopes].map(([source, scope]) => ({ source, scope })) };
}

function seriesOf({ series }: RunDetail, name: string): StoredSeries[] {
  return series.filter((one) => one.series === name && one.values.length > 1);
}

const byTime = (a: Point, b: Point) => a.x - b.x;

/** A line a source: power as it was told, else the slope of its counter. */
function powers(run: RunDetail): Trace[] {
  const [told, counted] = [seriesOf(run, 'power'), seriesOf(run, 'energy')];
  return [...new Set([...told, ...counted].flatMap(({ source }) => source ?? []))].map((name) => {
    const own = told.filter(({ source }) => source === name);
    const pieces = own.length > 0 ? own : counted.filter(({ source }) => source === name);
    const estimated = pieces.some(({ scope }) => scope === 'estimate');
    return { name: estimated ? `${name}, estimate` : name, estimated, points: broken(pieces.flatMap(own.length > 0 ? plain : slopes).sort(byTime)) };
  });
}

function gauge(run: RunDetail, name: string): Trace[] {
  return seriesOf(run, name).map((one) => ({ name: '', estimated: false, points: broken(plain(one)) }));
}

function plain({ times, values }: StoredSeries): Point[] {
  return times.map((x, i) => ({ x, y: values[i] as number }));
}

/** Mean power between two readings of a counter; a fall is the loss of it. */
function slopes({ times, values }: StoredSeries): Point[] {
  return times.slice(1).flatMap((x, i) => {
    const [joules, seconds] = [(values[i + 1] as number) - (values[i] as number), x - (times[i] as number)];
    return joules >= 0 && seconds > 0 ? [{ x, y: joules / seconds }] : [];
  });
}

/** Where nothing was read for long, the line is broken. */
function broken(points: readonly Point[]): Point[] {
  const gaps = ascending(points.slice(1).map(({ x }, i) => x - (points[i] as Point).x));
  const long = 8 * quantile(gaps, 0.5);
  return points.flatMap((point, i) => {
    const before = points[i - 1];
    return before && point.x - before.x > long ? [{ x: before.x, y: Number.NaN }, point] : [point];
  });
}

const MEMORY = { rss: 'RSS', pss: 'PSS', anon: 'anonymous', file: 'file' } as const;

/** The memory traces begin with their own request: the journal says when that was. */
function memories(run: RunDetail): Trace[] {
  const phase = run.events.findLast(({ kind, data }) => kind === 'phase' && data.phase === 'memory');
  if (!phase || run.begun === null) return [];
  const offset = phase.mono - run.begun;
  return (Object.keys(MEMORY) as (keyof typeof MEMORY)[]).flatMap((name) => {
    const found = seriesOf(run, name).at(-1);
    return found ? [{ name: MEMORY[name], estimated: false, points: plain(found).map(({ x, y }) => ({ x: x + offset, y })) }] : [];
  });
}

/** Tokens a second at each token, at its place in the run; of a sustained run the rate of each request, too. */
function speeds(run: RunDetail): Trace[] {
  const points = run.windows.flatMap(({ what, prompt, launch, repetition, begin }) => {
    const own = run.series.find(
      (one) =>
        one.series === 'token_times' &&
        one.warmup === (what === 'sampled') &&
        one.prompt === prompt &&
        one.launch === launch &&
        one.repetition === repetition,
    );
    const times = own?.times ?? [];
    if (times.length < 2) return [];
    const rates = times.slice(1).flatMap((time, i) => {
      const gap = time - (times[i] as number);
      return gap > 0 ? [{ x: begin + time, y: 1 / gap }] : [];
    });
    return [...rates, { x: begin + (times.at(-1) as number), y: Number.NaN }];
  });
  const requests = seriesOf(run, 'decode_rate').map((one) => ({ name: 'of each request', estimated: false, points: plain(one) }));
  return points.length === 0
    ? requests
    : [{ name: requests.length > 0 ? 'at each token' : '', estimated: false, points: points.sort(byTime) }, ...requests];
}
