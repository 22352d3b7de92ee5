import { type MetricName, metric } from '../src/core/metric.ts';
import type { MetricSummary, RunSummary } from '../src/core/run.ts';
import { headline, median } from '../src/core/stats.ts';
import { isValid } from '../src/core/validity.ts';
import type { Axis } from './state.ts';

/** All runs of one binary on one device with one model, suite and number of threads: the smallest thing that is measured again and again. */
export interface Setting {
  device: string;
  toolchain: string;
  threads: number;
  model: string;
  suite: string;
  /** Its runs are all valid, or all not. */
  valid: boolean;
  /** Median over the runs of what stands for the metric in each. */
  value: number;
  /** Lowest and highest raw value of all of them. */
  low: number;
  high: number;
  /** Newest first. */
  runs: RunSummary[];
}

/** Groups the runs that have the metric; runs come newest first. */
export function settingsOf(runs: readonly RunSummary[], name: MetricName): Setting[] {
  const groups = new Map<string, RunSummary[]>();
  for (const run of runs) {
    if (!run.metrics[name]) continue;
    const key = JSON.stringify([run.device, run.build.sha256, run.toolchain, run.build.flags, run.model, run.suite, run.threads, isValid(run)]);
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()].map((group) => {
    const { device, toolchain, threads, model, suite } = group[0] as RunSummary;
    const summaries = group.map((run) => run.metrics[name] as MetricSummary);
    return {
      ...{ device, toolchain, threads, model, suite, valid: isValid(group[0] as RunSummary), runs: group },
      value: median(summaries.map((summary) => headline(name, summary))),
      low: Math.min(...summaries.map(({ min }) => min)),
      high: Math.max(...summaries.map(({ max }) => max)),
    };
  });
}

/** The better of two settings: a valid one before one that is not, then by the direction of the metric. */
function better(a: Setting, b: Setting, name: MetricName): Setting {
  if (a.valid !== b.valid) return a.valid ? a : b;
  return metric(name).better === 'lower' ? (b.value < a.value ? b : a) : b.value > a.value ? b : a;
}

/** The best setting of each device, best first. */
export function bestByDevice(settings: readonly Setting[], name: MetricName): Setting[] {
  const { categories, cell } = bars(settings, 'device', () => '', name);
  return categories.map((device) => cell(device, '') as Setting);
}

/** What tells the bars of one group apart. */
export function seriesOf(axis: Axis): Exclude<Axis, 'threads'> {
  return axis === 'device' ? 'toolchain' : 'device';
}

export interface Bars {
  /** Groups along the axis: devices best first, the others by their own order. */
  categories: string[];
  /** Names of the bars in a group. */
  series: string[];
  /** The best setting of a bar. */
  cell(category: string, series: string): Setting | undefined;
}

/** One bar a category and series: the best setting among those that fall together. */
export function bars(settings: readonly Setting[], axis: Axis, series: (setting: Setting) => string, name: MetricName): Bars {
  const cells = new Map<string, Setting>();
  const tops = new Map<string, Setting>();
  const names = new Set<string>();
  for (const setting of settings) {
    const category = String(setting[axis]);
    const key = JSON.stringify([category, series(setting)]);
    cells.set(key, better(cells.get(key) ?? setting, setting, name));
    tops.set(category, better(tops.get(category) ?? setting, setting, name));
    names.add(series(setting));
  }
  const sign = metric(name).better === 'lower' ? 1 : -1;
  const top = (category: string) => (tops.get(category) as Setting).value;
  const categories = [...tops.keys()].sort((a, b) => {
    if (axis === 'device') return sign * (top(a) - top(b)) || a.localeCompare(b);
    return axis === 'threads' ? Number(a) - Number(b) : a.localeCompare(b);
  });
  return { categories, series: [...names].sort((a, b) => a.localeCompare(b)), cell: (category, of) => cells.get(JSON.stringify([category, of])) };
}

/** What is measured: only runs of the same model and suite may stand side by side. */
export interface Workload {
  model: string;
  suite: string;
  runs: RunSummary[];
}

/** The workloads of these runs, the one that was measured in the most settings first. */
export function workloads(runs: readonly RunSummary[]): Workload[] {
  const found = new Map<string, Workload>();
  for (const run of runs) {
    const key = JSON.stringify([run.model, run.suite]);
    const workload = found.get(key) ?? { model: run.model, suite: run.suite, runs: [] };
    found.set(key, workload);
    workload.runs.push(run);
  }
  const settings = new Map([...found.values()].map((workload) => [workload, settingsOf(workload.runs, 'decode_rate').length]));
  const of = (workload: Workload) => settings.get(workload) ?? 0;
  return [...found.values()].sort((a, b) => of(b) - of(a) || b.runs.length - a.runs.length || a.model.localeCompare(b.model));
}
