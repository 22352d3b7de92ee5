import { type BuildSpec, specLabel } from './build.ts';
import { type MetricName, metric, THRESHOLD } from './metric.ts';
import type { RunStatus, RunSummary } from './run.ts';
import { oneScope } from './scope.ts';
import { headline, median } from './stats.ts';
import { isValid } from './validity.ts';
import { discoveries, type Judgement, judge, type Pair, type Verdict } from './verdict.ts';

export const SIDES = ['baseline', 'candidate'] as const;
export type Side = (typeof SIDES)[number];

/** A build as one side of a comparison. */
export interface SideBuild extends BuildSpec {
  sha256: string;
  compiler: string;
  /** See Build. */
  code: string | null;
}

/** A comparison as it is planned: pairs of launches on one device. */
export interface NewComparison {
  id: string;
  device: string;
  baseline: SideBuild & { target: string };
  candidate: SideBuild & { target: string };
  model: string;
  suite: string;
  suiteVersion: number;
  threads: number;
  /** The first decides when to stop. */
  metrics: readonly MetricName[];
  /** Of the order within the pairs. */
  seed: number;
  epoch: string | null;
  started: number; // ms since 1970
}

/** One launch of a pair; pair 0 warms up and counts nothing. */
export interface Launch {
  pair: number;
  side: Side;
  run: RunSummary;
}

/** A comparison with what has been measured for it. */
export interface StoredComparison extends Omit<NewComparison, 'baseline' | 'candidate' | 'suiteVersion'> {
  baseline: SideBuild;
  candidate: SideBuild;
  ended: number | null;
  status: Extract<RunStatus, 'running' | 'ok' | 'failed' | 'cancelled'>;
  message: string | null;
  launches: readonly Launch[];
}

/** What a comparison says of one metric: the JSON of `fleet compare --json`. */
export interface ComparisonRow {
  id: string;
  device: string;
  model: string;
  suite: string;
  threads: number;
  metric: MetricName;
  unit: string;
  better: 'higher' | 'lower' | 'neither';
  baseline: string;
  candidate: string;
  /** Medians over the counted launches, in the metric's unit; null without any. */
  baselineMedian: number | null;
  candidateMedian: number | null;
  /** candidate / baseline - 1; null without a counted pair. */
  change: number | null;
  interval: [number | null, number | null] | null;
  /** "same code": both builds run the same instructions, so there is nothing to judge. */
  verdict: Verdict | 'same code';
  pairs: number;
  /** Pairs with an invalid run: they stay stored and count nothing. */
  invalidPairs: number;
  p: number | null;
  threshold: number;
  /** Half the width of the interval when this device was compared with itself; null where that was not done. */
  noise: number | null;
  /** Why there is a verdict of unknown, or no pair; else null. */
  note: string | null;
}

/** Both sides are the same build: it shows the noise of the device. */
export function isNoise({ baseline, candidate }: Pick<StoredComparison, 'baseline' | 'candidate'>): boolean {
  return baseline.sha256 === candidate.sha256;
}

/** Different files that run the same instructions. */
export function isSameCode({ baseline, candidate }: Pick<StoredComparison, 'baseline' | 'candidate'>): boolean {
  return !isNoise({ baseline, candidate }) && baseline.code !== null && baseline.code === candidate.code;
}

/** Both launches of every measured pair but the warm-up, in order. */
function pairsOf(launches: readonly Launch[]): { baseline: RunSummary; candidate: RunSummary }[] {
  const pairs = new Map<number, Partial<Record<Side, RunSummary>>>();
  for (const { pair, side, run } of launches) if (pair > 0) pairs.set(pair, { ...pairs.get(pair), [side]: run });
  return [...pairs.values()].flatMap(({ baseline, candidate }) => (baseline && candidate ? [{ baseline, candidate }] : []));
}

/** The pairs that count for a metric: both runs valid, both with a positive value, of power in the same scope as each other and as the other pairs. */
export function countedPairs(launches: readonly Launch[], name: MetricName): Pair[] {
  const alike = pairsOf(launches).filter(({ baseline, candidate }) => baseline.metrics[name]?.scope === candidate.metrics[name]?.scope);
  return oneScope(alike, ({ baseline }) => baseline.metrics[name]?.scope).kept.flatMap(({ baseline, candidate }) => {
    const [a, b] = [headlineOf(baseline, name), headlineOf(candidate, name)];
    return a !== null && b !== null ? [{ baseline: a, candidate: b }] : [];
  });
}

export function invalidPairs(launches: readonly Launch[]): number {
  return pairsOf(launches).filter(({ baseline, candidate }) => !isValid(baseline) || !isValid(candidate)).length;
}

function headlineOf(run: RunSummary, name: MetricName): number | null {
  const summary = run.metrics[name];
  const value = summary && isValid(run) ? headline(name, summary) : null;
  return value !== null && value > 0 ? value : null;
}

/** What the pairs of one metric say. `noise` of the device raises the least change that counts. Null without a pair. */
export function judgeMetric(comparison: Pick<StoredComparison, 'launches'>, name: MetricName, noise: number | null): Judgement | null {
  const pairs = countedPairs(comparison.launches, name);
  const row = metric(name);
  return pairs.length === 0 ? null : judge(pairs, row.better, row.threshold ?? THRESHOLD, noise);
}

/**
 * The rows of a report: each metric of each comparison. A verdict of faster or slower that does not hold at a false-discovery rate of 5 %
 * over the primary metrics of the report becomes unknown. `noiseOf` gives the noise of the device for a metric, or null.
 */
export function comparisonRows(
  comparisons: readonly StoredComparison[],
  noiseOf: (comparison: StoredComparison, name: MetricName) => number | null,
): ComparisonRow[] {
  const rows = comparisons.flatMap((comparison) => comparison.metrics.map((name) => rowOf(comparison, name, noiseOf(comparison, name))));
  const judged = rows.filter(({ p }) => p !== null);
  const held = discoveries(judged.map(({ p }) => p as number));
  judged.forEach((row, i) => {
    if (held[i] || !['faster', 'slower'].includes(row.verdict)) return;
    row.verdict = 'unknown';
    row.note = `it does not hold among the ${judged.length} comparisons of this report (false-discovery rate 5 %)`;
  });
  return rows;
}

function rowOf(comparison: StoredComparison, name: MetricName, noise: number | null): ComparisonRow {
  const { unit, better, threshold = THRESHOLD } = metric(name);
  const judgement = judgeMetric(comparison, name, noise);
  const pairs = countedPairs(comparison.launches, name);
  const middle = (side: Side): number | null => (pairs.length > 0 ? median(pairs.map((pair) => pair[side])) : null);
  const same = isSameCode(comparison);
  const isSettled = comparison.status === 'ok' && judgement !== null && judgement.verdict !== 'unknown'; // the message is of the first metric
  return {
    ...{ id: comparison.id, device: comparison.device, model: comparison.model, suite: comparison.suite, threads: comparison.threads },
    ...{ metric: name, unit, better, baseline: specLabel(comparison.baseline), candidate: specLabel(comparison.candidate) },
    ...{ baselineMedian: middle('baseline'), candidateMedian: middle('candidate') },
    ...{ change: judgement?.change ?? null, interval: judgement?.interval ?? null, pairs: pairs.length, p: judgement?.p ?? null },
    ...{ invalidPairs: invalidPairs(comparison.launches), threshold: judgement?.threshold ?? threshold, noise },
    verdict: same ? 'same code' : (judgement?.verdict ?? 'unknown'),
    note: isSettled ? null : (comparison.message ?? (same ? 'both builds run the same instructions: nothing to judge' : null)),
  };
}
