import type { BuildSpec } from '../core/build.ts';
import { comparisonRows, isNoise, type StoredComparison } from '../core/comparison.ts';
import type { JudgedRow } from '../core/judged.ts';
import { METRICS, type MetricName } from '../core/metric.ts';
import { noiseOf } from '../core/noise.ts';
import type { RunSummary } from '../core/run.ts';
import type { Scope } from '../core/scope.ts';
import { headline, median } from '../core/stats.ts';
import type { ComparisonFilter, StoreReader } from '../core/store.ts';

/** One metric of a baseline beside that of a candidate. */
export interface Comparison {
  device: string;
  model: string;
  suite: string;
  threads: number;
  metric: MetricName;
  unit: string;
  better: 'higher' | 'lower' | 'neither';
  /** Median over the runs of this side, of what stands for the metric in each. */
  baseline: number;
  candidate: number;
  baselineRuns: string[];
  candidateRuns: string[];
  /** candidate / baseline - 1; null where the baseline is 0. */
  change: number | null;
  interval: null;
  verdict: 'unknown';
  pairs: 0;
}

/** How far these numbers go. */
export const NOTE =
  'Descriptive: medians and their ratio. The runs were not made in pairs, so nothing here says whether a difference is more than chance.';

/** Compares what is alike but for the two sides: each device, model, suite and number of threads of which both have runs. */
export function compareRuns(baselines: readonly RunSummary[], candidates: readonly RunSummary[]): Comparison[] {
  const others = grouped(candidates);
  return [...grouped(baselines)].flatMap(([key, ours]) => {
    const theirs = others.get(key);
    return theirs ? compareGroup(ours, theirs) : [];
  });
}

/** Two runs, whatever they are: the first says under which device, model, suite and threads the rows stand. */
export function compareGroup(ours: readonly RunSummary[], theirs: readonly RunSummary[]): Comparison[] {
  const first = ours[0] as RunSummary;
  return METRICS.flatMap(({ name, unit, better }) => {
    const [a, b] = [valuesOf(ours, name), valuesOf(theirs, name)];
    if (a.values.length === 0 || b.values.length === 0) return [];
    if (new Set([...a.scopes, ...b.scopes]).size > 1) return []; // power at the wall and power of a chip are two things
    const [baseline, candidate] = [median(a.values), median(b.values)];
    return {
      ...{ device: first.device, model: first.model, suite: first.suite, threads: first.threads },
      ...{ metric: name, unit, better, baseline, candidate, baselineRuns: a.runs, candidateRuns: b.runs },
      ...{ change: baseline === 0 ? null : candidate / baseline - 1, interval: null, verdict: 'unknown', pairs: 0 },
    };
  });
}

/** Of comparisons made in pairs: what the rows of a judged answer mean. */
const JUDGED =
  'Judged: pairs of launches in turns, Hodges-Lehmann change with its exact signed-rank interval; a verdict holds at a false-discovery rate of 5 % over this answer.';

/** The comparisons that were made in pairs, newest first, a row a metric. */
export function judgedComparisons(store: StoreReader, filter: ComparisonFilter): { comparisons: JudgedRow[]; note: string } {
  const comparisons = store.comparisons({ ...filter, metrics: 'own' }).filter(({ status }) => status !== 'running');
  const byId = new Map(comparisons.map((comparison) => [comparison.id, comparison]));
  const metrics = [...new Set(comparisons.flatMap((comparison) => comparison.metrics))];
  const known = new Map<string, StoredComparison[]>();
  const once = {
    comparisons: ({ metrics: _one, ...rest }: ComparisonFilter): StoredComparison[] => {
      const key = JSON.stringify(rest);
      const found = known.get(key) ?? store.comparisons({ ...rest, metrics });
      known.set(key, found);
      return found;
    },
  };
  const noises = new Map<string, number | null>();
  const rows = comparisonRows(comparisons, (comparison, name) => {
    const { device, model, suite, threads, epoch } = comparison;
    const key = JSON.stringify([device, model, suite, threads, epoch, name]);
    const noise = noises.has(key) ? (noises.get(key) ?? null) : noiseOf(once, comparison, name);
    noises.set(key, noise);
    return noise;
  });
  const told = rows.map((row): JudgedRow => {
    const comparison = byId.get(row.id) as StoredComparison;
    const spec = ({ toolchain, flags }: BuildSpec) => ({ toolchain, flags });
    const sides = { baseline: spec(comparison.baseline), candidate: spec(comparison.candidate) };
    return { ...row, started: comparison.started, status: comparison.status, sides, isNoise: isNoise(comparison) };
  });
  return { comparisons: told, note: JUDGED };
}

function valuesOf(runs: readonly RunSummary[], name: MetricName): { values: number[]; runs: string[]; scopes: (Scope | undefined)[] } {
  const having = runs.flatMap((run) => {
    const summary = run.metrics[name];
    return summary ? [{ id: run.id, value: headline(name, summary), scope: summary.scope }] : [];
  });
  return { values: having.map(({ value }) => value), runs: having.map(({ id }) => id), scopes: having.map(({ scope }) => scope) };
}

function grouped(runs: readonly RunSummary[]): Map<string, RunSummary[]> {
  const groups = new Map<string, RunSummary[]>();
  for (const run of runs) {
    const key = JSON.stringify([run.device, run.model, run.suite, run.threads]);
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return groups;
}
