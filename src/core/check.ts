import type { Baseline } from './baseline.ts';
import { specLabel } from './build.ts';
import { type ComparisonRow, comparisonRows, isNoise, type StoredComparison } from './comparison.ts';
import { epochChanges } from './epoch.ts';
import { groupsBy } from './groups.ts';
import { type HistoryRun, labelOf } from './history.ts';
import { type Metric, type MetricName, metric } from './metric.ts';
import { rankSum } from './rank_sum.ts';
import { oneScope } from './scope.ts';
import { headline, median } from './stats.ts';
import { isValid } from './validity.ts';
import { discoveries, LEVEL } from './verdict.ts';

/** regression: worse than allowed; ok: surely not worse than allowed; unknown: the data do not say. */
export type Outcome = 'ok' | 'regression' | 'unknown' | 'same code';

/** One metric under conditions of the baseline: the JSON of `fleet check --json`. */
export interface CheckRow {
  device: string;
  model: string;
  suite: string;
  threads: number;
  build: string;
  metric: MetricName;
  unit: string;
  better: Metric['better'];
  /** Medians, in the metric's unit. */
  baseline: number | null;
  current: number | null;
  /** current / baseline - 1, and its interval; null where there is none. */
  change: number | null;
  interval: [number | null, number | null] | null;
  p: number | null;
  /** pairs: launches in turns, judged as `fleet compare` does; runs: not made in pairs, held against each other by ranks. */
  how: 'pairs' | 'runs' | null;
  /** Pairs, or runs of either side. */
  count: [baseline: number, current: number];
  /** The comparison of the pairs. */
  comparison: string | null;
  outcome: Outcome;
  note: string | null;
}

export interface CheckOptions {
  /** Largest loss that is allowed: 0.03 is 3 %. */
  most: number;
  metrics: readonly MetricName[];
  /** Newest first, of any device. */
  comparisons: readonly StoredComparison[];
  /** Newest first, of any device. */
  runs: readonly HistoryRun[];
  /** Keys of conditions of which the sources as they are make the code of the baseline. */
  unchanged?: ReadonlySet<string>;
}

/** What the rows of a check have in common: device, model, threads and build. */
export function conditionsKey(run: HistoryRun): string {
  return JSON.stringify([run.device, run.model, run.threads, labelOf(run)]);
}

/**
 * Holds what was measured since against a baseline: a row for each metric of each device, model, number of threads and build of it. Where
 * pairs of launches of the baseline's binary and a newer one are stored they are judged; else the runs of the newest build are held against
 * those of the baseline, which must be of the same environment. Regressions must hold at a false-discovery rate of 5 % over all rows.
 */
export function checkRows(baseline: Baseline, options: CheckOptions): CheckRow[] {
  const groups = groupsBy(baseline.runs.filter(isValid), conditionsKey);
  const rows = groups.flatMap((group) => groupRows(group, baseline, options));
  const judged = rows.filter(({ p }) => p !== null);
  const held = discoveries(judged.map(({ p }) => p as number));
  judged.forEach((row, i) => {
    if (held[i] || row.outcome !== 'regression') return;
    row.outcome = 'unknown';
    row.note = `it does not hold among the ${judged.length} rows of this check (false-discovery rate 5 %)`;
  });
  return rows;
}

/** Did the check pass? Nothing judged at all is no pass; with `strict`, neither is a row that is not settled. */
export function passes(rows: readonly CheckRow[], strict = false): boolean {
  const settled = rows.filter(({ outcome }) => outcome !== 'unknown');
  return settled.length > 0 && !rows.some(({ outcome }) => outcome === 'regression' || (strict && outcome === 'unknown'));
}

function groupRows(group: readonly HistoryRun[], baseline: Baseline, options: CheckOptions): CheckRow[] {
  const first = group[0] as HistoryRun;
  if (options.unchanged?.has(conditionsKey(first)))
    return options.metrics.filter((name) => first.metrics[name]).map((name) => ({ ...blank(first, name), outcome: 'same code', note: SAME_CODE }));
  const known = new Set(baseline.runs.map(({ id }) => id));
  const last = Math.max(...group.map(({ started }) => started));
  const newer = options.runs.filter(
    (run) => isValid(run) && !run.launch && !known.has(run.id) && run.started > last && alike(run, first) && labelOf(run) === labelOf(first),
  );
  const pairs = options.comparisons.find(
    (comparison) =>
      alike(comparison, first) &&
      comparison.status === 'ok' &&
      (comparison.ended ?? 0) >= last && // its own launches may be the baseline
      !isNoise(comparison) &&
      specLabel(comparison.candidate) === labelOf(first) &&
      group.some(({ build, code }) => build.sha256 === comparison.baseline.sha256 || (code !== null && code === comparison.baseline.code)),
  );
  const newest = newer[0];
  if (pairs && (!newest || newest.build.sha256 === pairs.candidate.sha256 || newest.started < pairs.started)) return pairRows(pairs, first, options);
  return groupsBy(group, ({ suite, suiteVersion }) => JSON.stringify([suite, suiteVersion])).flatMap((ours) => {
    const [one] = ours;
    const theirs = newer.filter((run) => run.suite === one.suite && run.suiteVersion === one.suiteVersion);
    return runRows(ours, theirs.filter((run) => run.build.sha256 === theirs[0]?.build.sha256).reverse(), options);
  });
}

function alike(one: { device: string; model: string; threads: number }, other: { device: string; model: string; threads: number }): boolean {
  return one.device === other.device && one.model === other.model && one.threads === other.threads;
}

function blank(run: HistoryRun, name: MetricName): CheckRow {
  const { unit, better } = metric(name);
  return {
    ...{ device: run.device, model: run.model, suite: run.suite, threads: run.threads, build: labelOf(run), metric: name, unit, better },
    ...{ baseline: null, current: null, change: null, interval: null, p: null, how: null, count: [0, 0], comparison: null },
    ...{ outcome: 'unknown', note: null },
  };
}

/** The pairs once more, with the allowed loss in place of the least change that counts. */
function pairRows(comparison: StoredComparison, run: HistoryRun, { most, metrics }: CheckOptions): CheckRow[] {
  const rows = comparisonRows([{ ...comparison, metrics }], () => null);
  return rows.map((row: ComparisonRow): CheckRow => {
    const same = row.verdict === 'same code';
    return {
      ...blank(run, row.metric),
      ...{ suite: row.suite, baseline: row.baselineMedian, current: row.candidateMedian, change: row.change, interval: row.interval, p: row.p },
      ...{ how: 'pairs', count: [row.pairs, row.pairs], comparison: row.id },
      outcome: same ? 'same code' : row.interval ? judged(row.interval, row.change as number, row.better, most) : 'unknown',
      note: same ? SAME_CODE : row.pairs === 0 ? 'no pair of launches has this metric' : null,
    };
  });
}

const SAME_CODE = 'both builds run the same instructions: nothing to judge';

function runRows(ours: readonly HistoryRun[], theirs: readonly HistoryRun[], { most, metrics }: CheckOptions): CheckRow[] {
  const [first, second] = [ours[0] as HistoryRun, theirs[0]];
  return metrics.flatMap((name): CheckRow[] => {
    if (!ours.some((run) => run.metrics[name])) return [];
    const row = blank(first, name);
    if (!second) return [{ ...row, note: 'nothing was measured since: run fleet bench, or fleet check --measure' }];
    if (ours.some(({ code }) => code !== null && code === second.code)) return [{ ...row, outcome: 'same code', note: SAME_CODE }];
    const { a, b } = valuesOf(ours, theirs, name);
    const other = { ...row, count: [a.length, b.length] as [number, number], how: 'runs' as const };
    if (a.length === 0 || b.length === 0) return [{ ...other, note: 'the runs have no value of this metric that may stand beside each other' }];
    const numbers = { ...other, baseline: median(a), current: median(b), change: median(b) / median(a) - 1 };
    const moved = movedBetween(first, second);
    if (moved !== null) return [{ ...numbers, note: `another environment (${moved}): set a new baseline` }];
    const { estimate, interval, p } = rankSum(a.map(Math.log), b.map(Math.log), LEVEL);
    if (!interval.every(Number.isFinite))
      return [
        { ...numbers, change: Math.expm1(estimate), note: `${a.length} against ${b.length} runs say nothing: fleet check --measure makes pairs` },
      ];
    const ends: [number, number] = [Math.expm1(interval[0]), Math.expm1(interval[1])];
    const outcome = judged(ends, Math.expm1(estimate), row.better, most);
    const note = outcome === 'regression' ? 'not made in pairs: fleet check --measure shows whether it is the build or the hour' : null;
    return [{ ...numbers, change: Math.expm1(estimate), interval: ends, p, outcome, note }];
  });
}

function valuesOf(ours: readonly HistoryRun[], theirs: readonly HistoryRun[], name: MetricName): { a: number[]; b: number[] } {
  const { kept } = oneScope(
    [...ours.map((run) => ({ run, mine: true })), ...theirs.map((run) => ({ run, mine: false }))].filter(({ run }) => run.metrics[name]),
    ({ run }) => run.metrics[name]?.scope,
  );
  const values = (mine: boolean) =>
    kept.flatMap((one) => {
      const summary = one.run.metrics[name];
      const value = one.mine === mine && summary ? headline(name, summary) : 0;
      return value > 0 ? [value] : [];
    });
  return { a: values(true), b: values(false) };
}

/** What of the environment differs, in words; null where nothing does. The build is what is checked, so its code counts for nothing here. */
function movedBetween(before: HistoryRun, after: HistoryRun): string | null {
  if (before.epoch === after.epoch) return null;
  const origin = ({ facts, build, code }: HistoryRun) => ({ facts, build: { ...build, code } });
  const changes = epochChanges(origin(before), origin(after), ['code', 'compiler']);
  return (
    changes.map(({ cause, from, to }) => `${cause}: ${from ?? 'unknown'} before, ${to ?? 'unknown'} now`).join('; ') || 'its facts are not known'
  );
}

/** By the interval of the change and the largest change to the bad side that is allowed. */
function judged([low, high]: readonly [number | null, number | null], change: number, better: Metric['better'], most: number): Outcome {
  const sign = better === 'lower' ? 1 : -1; // a loss is positive
  const [worst, best] = better === 'lower' ? [high, low] : [low, high];
  if (worst !== null && sign * worst <= most) return 'ok';
  return best !== null && sign * best > 0 && sign * change > most ? 'regression' : 'unknown';
}
