import { specLabel } from '../src/core/build.ts';
import type { JudgedRow } from '../src/core/judged.ts';
import type { MetricName } from '../src/core/metric.ts';
import type { StoredSetting } from '../src/core/setting.ts';
import { type Setting, settingsOf } from './groups.ts';
import { SIDES_BY, type SidesBy } from './sides.ts';

/** What each axis is of a setting. A twin that is not made as its model is has its tensor types in its name: model:format:head. */
const VALUES: Record<SidesBy, (setting: Pick<StoredSetting, 'device' | 'toolchain' | 'flags' | 'model' | 'suite' | 'threads'>) => string> = {
  device: ({ device }) => device,
  toolchain: ({ toolchain }) => toolchain,
  flags: ({ flags }) => flags,
  model: ({ model }) => model.split(':')[0] ?? '',
  format: ({ model }) => model.split(':')[1] ?? '',
  head: ({ model }) => model.split(':')[2] ?? '',
  threads: ({ threads }) => String(threads),
  suite: ({ suite }) => suite,
};

/** What stands for an empty value. */
export const NAMELESS: Partial<Record<SidesBy, string>> = { flags: '(none)', format: '(as the model is)', head: '(as the model is)' };

/** One comparison under conditions that are equal on both sides. */
export interface Effect {
  /** The conditions, in the order of the axes, without the one that differs. */
  held: Partial<Record<SidesBy, string>>;
  baseline: number | null;
  candidate: number | null;
  /** candidate / baseline - 1. */
  change: number | null;
  interval: JudgedRow['interval'];
  verdict: JudgedRow['verdict'];
  /** Half the width of the interval of this device against itself; null where that was not measured. */
  noise: number | null;
  /** Counted pairs; null where the two sides were not measured in pairs. */
  pairs: number | null;
  scope: string | null;
  note: string | null;
  /** A run to open. */
  run: string | null;
}

/** The values of an axis, those in most settings first. */
export function valuesOf(settings: readonly StoredSetting[], by: SidesBy): string[] {
  const counts = new Map<string, number>();
  for (const setting of settings) counts.set(VALUES[by](setting), (counts.get(VALUES[by](setting)) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || a.localeCompare(b, undefined, { numeric: true })).map(([value]) => value);
}

/**
 * Every pair of valid settings that are alike but for one axis. Such sides were not measured in pairs, so there is a ratio and no verdict;
 * where `fleet compare` has judged two builds, its verdict stands with its interval.
 */
export function effects(
  settings: readonly StoredSetting[],
  judged: readonly JudgedRow[],
  { by, base, candidate, metric }: { by: SidesBy; base: string; candidate: string; metric: MetricName },
): Effect[] {
  const floor = (held: Effect['held']) =>
    judged.find(
      (row) => row.isNoise && row.metric === metric && row.device === held.device && String(row.threads) === held.threads && row.noise !== null,
    )?.noise ?? null;
  return [...judgedEffects(judged, { by, base, candidate, metric }), ...told(settings, { by, base, candidate, metric }, floor)];
}

function judgedEffects(
  judged: readonly JudgedRow[],
  { by, base, candidate, metric }: { by: SidesBy; base: string; candidate: string; metric: MetricName },
): Effect[] {
  if (by !== 'toolchain' && by !== 'flags') return [];
  return judged.flatMap((row) => {
    if (row.isNoise || row.metric !== metric) return [];
    const { baseline, candidate: other } = row.sides;
    const alike = by === 'toolchain' ? baseline.flags === other.flags : baseline.toolchain === other.toolchain;
    const turned = baseline[by] === candidate && other[by] === base;
    if (!alike || !(turned || (baseline[by] === base && other[by] === candidate))) return [];
    const held = heldOf({ ...row, ...baseline }, by);
    const { baselineMedian, candidateMedian, change, interval, verdict, noise, pairs, note } = row;
    const same = { held, noise, pairs, scope: null, note, run: null };
    if (!turned) return { ...same, baseline: baselineMedian, candidate: candidateMedian, change, interval, verdict };
    return {
      ...same,
      baseline: candidateMedian,
      candidate: baselineMedian,
      change: inverse(change),
      interval: turn(interval),
      verdict: OPPOSITE[verdict],
    };
  });
}

const OPPOSITE: Record<JudgedRow['verdict'], JudgedRow['verdict']> = {
  ...{ faster: 'slower', slower: 'faster', same: 'same', unknown: 'unknown', 'same code': 'same code' },
};

function inverse(change: number | null): number | null {
  return change === null ? null : 1 / (1 + change) - 1;
}

function turn(interval: JudgedRow['interval']): JudgedRow['interval'] {
  return interval && [inverse(interval[1]), inverse(interval[0])];
}

function told(
  settings: readonly StoredSetting[],
  { by, base, candidate, metric }: { by: SidesBy; base: string; candidate: string; metric: MetricName },
  floor: (held: Effect['held']) => number | null,
): Effect[] {
  const sides = (wanted: string) => {
    const found = new Map<string, StoredSetting>();
    for (const setting of settings) {
      if (!setting.valid || !setting.metrics[metric] || VALUES[by](setting) !== wanted) continue;
      const key = JSON.stringify(heldOf(setting, by));
      const known = found.get(key);
      if (!known || newest(known, metric) < newest(setting, metric)) found.set(key, setting);
    }
    return found;
  };
  const theirs = sides(candidate);
  return [...sides(base)].flatMap(([key, ours]) => {
    const other = theirs.get(key);
    const [a, b] = [settingsOf([ours], metric)[0], other && settingsOf([other], metric)[0]] as [Setting, Setting | undefined];
    if (!b || a.scope !== b.scope) return []; // power at the wall and power of a chip are two things
    const held = heldOf(ours, by);
    return {
      ...{ held, baseline: a.value, candidate: b.value, change: a.value === 0 ? null : b.value / a.value - 1, interval: null },
      ...{ verdict: 'unknown', noise: floor(held), pairs: null, scope: a.scope, note: 'not measured in pairs', run: b.run },
    };
  });
}

/** Ids of runs sort by time. */
function newest(setting: StoredSetting, metric: MetricName): string {
  return setting.metrics[metric]?.run ?? '';
}

function heldOf(setting: Pick<StoredSetting, 'device' | 'toolchain' | 'flags' | 'model' | 'suite' | 'threads'>, by: SidesBy): Effect['held'] {
  return Object.fromEntries(SIDES_BY.filter((axis) => axis !== by).map((axis) => [axis, VALUES[axis](setting)]));
}

/** The two values of an axis that share the most conditions: what the page shows where nobody has chosen. */
export function likelySides(settings: readonly StoredSetting[], judged: readonly JudgedRow[], by: SidesBy, metric: MetricName): [string, string] {
  const row = judged.find(({ isNoise, sides }) => !isNoise && (by === 'toolchain' || by === 'flags') && sides.baseline[by] !== sides.candidate[by]);
  if (row && (by === 'toolchain' || by === 'flags')) return [row.sides.baseline[by], row.sides.candidate[by]];
  const having = settings.filter((setting) => setting.valid && setting.metrics[metric]);
  const values = valuesOf(having, by).slice(0, 12);
  const groups = new Map<string, Set<string>>();
  for (const setting of having) {
    const key = JSON.stringify([heldOf(setting, by), setting.metrics[metric]?.scope]);
    groups.set(key, (groups.get(key) ?? new Set<string>()).add(VALUES[by](setting)));
  }
  const alike = [...groups.values()].filter(({ size }) => size > 1);
  let best: [string, string] = [values[0] ?? '', values[1] ?? values[0] ?? ''];
  let most = 0;
  for (const [i, base] of values.entries())
    for (const candidate of values.slice(i + 1)) {
      const found = alike.filter((group) => group.has(base) && group.has(candidate)).length;
      if (found > most) [most, best] = [found, [base, candidate]];
    }
  return best;
}

/** One side, for the head of a table. */
export function sideLabel(by: SidesBy, value: string): string {
  const shown = by === 'flags' ? specLabel({ toolchain: '', flags: value }).slice(1) : value;
  if (shown === '') return NAMELESS[by] ?? shown;
  return by === 'threads' ? `${shown} threads` : shown;
}
