import { specLabel } from './build.ts';
import { changePoints, MOST_VALUES } from './change_point.ts';
import { type BuildCause, type EpochChange, epochChanges, epochKey } from './epoch.ts';
import type { Facts } from './facts.ts';
import { groupsBy } from './groups.ts';
import { type Metric, type MetricName, metric, THRESHOLD } from './metric.ts';
import type { RunSummary } from './run.ts';
import type { Scope } from './scope.ts';
import { headline, median } from './stats.ts';
import { isValid } from './validity.ts';

/** A run with what its place in time takes. */
export interface HistoryRun extends RunSummary {
  suiteVersion: number;
  cpus: string | null;
  /** Hash of the facts that change speed; null without facts. */
  epoch: string | null;
  facts: Facts | null;
  /** Of its build, see Build. */
  code: string | null;
  commit?: string | null;
  /** It is one of a pair of a comparison. */
  launch: boolean;
  /** Metrics of which it was made to confirm a change point. */
  rerunOf: readonly MetricName[];
}

/** One run's number in a series. */
export interface HistoryPoint {
  run: string;
  started: number; // ms since 1970
  value: number;
}

/** unconfirmed: nobody looked again; confirmed: a rerun gave the new speed; passed: a rerun gave the old one. */
export type ChangeStatus = 'unconfirmed' | 'confirmed' | 'passed';

/** Within an epoch the numbers changed, and no recorded cause says why. */
export interface HistoryChange {
  /** The first run that has the new speed, and when it began. */
  run: string;
  started: number;
  /** The last one that had the old speed. */
  lastBefore: string;
  /** Medians of the stretches before and after, and their ratio - 1. */
  before: number;
  after: number;
  change: number;
  verdict: 'faster' | 'slower' | 'different';
  p: number;
  status: ChangeStatus;
  /** The run that was made to confirm it. */
  rerun: string | null;
  /** The last change of the newest epoch: the one that a rerun can confirm. */
  last: boolean;
}

/** Runs of one series in one environment, with one build. */
export interface HistoryEpoch {
  /** Hash of the device's facts, and code of the build: null where unknown, or where the series goes across it. */
  environment: string | null;
  code: string | null;
  compiler: string | null;
  /** Commits that its builds were made of, in the order in which they came; none where none is known. */
  commits: string[];
  started: number;
  ended: number; // when its last run began
  runs: number;
  median: number;
  /** What changed since the epoch before; none for the first. */
  causes: EpochChange[];
  points: HistoryPoint[];
  changes: HistoryChange[];
}

/** One metric over time under conditions that stay the same. */
export interface HistorySeries {
  device: string;
  model: string;
  suite: string;
  suiteVersion: number;
  threads: number;
  cpus: string | null;
  build: string;
  metric: MetricName;
  unit: string;
  better: Metric['better'];
  /** Of power and energy. */
  scope: Scope | null;
  /** In the order in which they began. */
  epochs: HistoryEpoch[];
}

export interface HistoryOptions {
  metrics: readonly MetricName[];
  /** What of a build starts no new epoch here, so that its effect shows as a change point. Launches of comparisons are left out then. */
  across?: readonly BuildCause[];
}

/**
 * Every series that the runs hold, with its epochs and change points; a change point never spans two epochs. `runs` may be in any order;
 * invalid ones are left out. Changes below the metric's threshold do not count.
 */
export function histories(runs: readonly HistoryRun[], { metrics, across = [] }: HistoryOptions): HistorySeries[] {
  const usable = runs
    .filter((run) => isValid(run) && !(across.length > 0 && run.launch))
    .sort((a, b) => a.started - b.started || (a.id < b.id ? -1 : 1));
  return metrics.flatMap((name) => {
    const having = usable.filter((run) => run.metrics[name] !== undefined);
    return groupsBy(having, (run) => seriesKey(run, name)).map((group) => seriesOf(group, name, across));
  });
}

function seriesKey(run: HistoryRun, name: MetricName): string {
  const { device, model, suite, suiteVersion, threads, cpus } = run;
  return JSON.stringify([device, model, suite, suiteVersion, threads, cpus, labelOf(run), run.metrics[name]?.scope ?? null]);
}

/** What people call its build: toolchain and flags. */
export function labelOf({ toolchain, build }: HistoryRun): string {
  return specLabel({ toolchain, flags: build.flags });
}

function seriesOf(runs: readonly [HistoryRun, ...HistoryRun[]], name: MetricName, across: readonly BuildCause[]): HistorySeries {
  const [first] = runs;
  const { unit, better } = metric(name);
  const groups = groupsBy(runs, (run) => epochKey(run.epoch, { ...run.build, code: run.code }, across));
  return {
    ...{ device: first.device, model: first.model, suite: first.suite, suiteVersion: first.suiteVersion, threads: first.threads, cpus: first.cpus },
    ...{ build: labelOf(first), metric: name, unit, better, scope: first.metrics[name]?.scope ?? null },
    epochs: groups.map((group, i) => epochOf(group, groups[i - 1], name, across, group.at(-1) === runs.at(-1))),
  };
}

function epochOf(
  runs: readonly HistoryRun[],
  earlier: readonly HistoryRun[] | undefined,
  name: MetricName,
  across: readonly BuildCause[],
  newest: boolean,
): HistoryEpoch {
  const points = runs.flatMap((run) => {
    const summary = run.metrics[name];
    return summary ? [{ run: run.id, started: run.started, value: headline(name, summary) }] : [];
  });
  const [first, last] = [runs[0] as HistoryRun, runs.at(-1) as HistoryRun];
  const before = earlier?.[0];
  return {
    ...{
      environment: first.epoch,
      code: across.includes('code') ? null : first.code,
      compiler: across.includes('compiler') ? null : first.build.compiler,
      commits: [...new Set(runs.flatMap(({ commit }) => commit ?? []))],
    },
    ...{ started: first.started, ended: last.started, runs: points.length, median: median(points.map(({ value }) => value)) },
    causes: before ? epochChanges(originOf(before), originOf(first), across) : [],
    points,
    changes: changesOf(points, runs, name, newest),
  };
}

function originOf({ facts, build, code }: HistoryRun) {
  return { facts, build: { ...build, code } };
}

function changesOf(points: readonly HistoryPoint[], runs: readonly HistoryRun[], name: MetricName, newest: boolean): HistoryChange[] {
  const { better, threshold = THRESHOLD } = metric(name);
  const values = points.map(({ value }) => value);
  if (!values.every((value) => value > 0)) return []; // changes are ratios
  const found = changePoints(values.map(Math.log));
  const borders = [...found.map(({ at }) => at), values.length];
  return found.flatMap(({ at, p }, i) => {
    const [from, to] = [borders[i - 1] ?? 0, borders[i + 1] as number];
    const [before, after] = [median(values.slice(from, at)), median(values.slice(at, to))];
    const change = after / before - 1;
    if (Math.abs(Math.log1p(change)) < Math.log1p(threshold)) return [];
    const again = runs.slice(at, to).findLast(({ rerunOf }) => rerunOf.includes(name));
    const value = points.find(({ run }) => run === again?.id)?.value;
    return {
      ...{ run: points[at]?.run as string, started: points[at]?.started as number, lastBefore: points[at - 1]?.run as string },
      ...{ before, after, change, p, rerun: again?.id ?? null, last: newest && i === found.length - 1 },
      verdict: better === 'neither' ? 'different' : change > 0 === (better === 'higher') ? 'faster' : 'slower',
      status: value === undefined ? 'unconfirmed' : value > Math.sqrt(before * after) === after > before ? 'confirmed' : 'passed',
    };
  });
}

/** The newest values of a series that fit into an answer. */
export function clipped(series: HistorySeries, most = MOST_VALUES): HistorySeries {
  return { ...series, epochs: series.epochs.map((epoch) => ({ ...epoch, points: epoch.points.slice(-most) })) };
}
