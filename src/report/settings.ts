import { groupsBy } from '../core/groups.ts';
import { type MetricName, metric } from '../core/metric.ts';
import type { MetricSummary, RunSummary } from '../core/run.ts';
import { oneScope, type Scope } from '../core/scope.ts';
import { headline, median } from '../core/stats.ts';
import { isValid } from '../core/validity.ts';

/** Valid runs of one binary on one device with one number of threads: what one bar stands for. */
export interface Setting {
  device: string;
  toolchain: string;
  threads: number;
  /** Median over the runs of what stands for the metric in each. */
  value: number;
  /** Lowest and highest raw value of all of them. */
  low: number;
  high: number;
  runs: readonly RunSummary[];
}

/** The settings that have the metric, figures of one scope only; `apart` runs were left out for having another. */
export function settingsOf(runs: readonly RunSummary[], name: MetricName): { settings: Setting[]; scope: Scope | null; apart: number } {
  const having = runs.filter((run) => isValid(run) && run.metrics[name]);
  const { kept, scope, others } = oneScope(having, (run) => run.metrics[name]?.scope);
  const groups = groupsBy(kept, (run) => JSON.stringify([run.device, run.build.sha256, run.toolchain, run.build.flags, run.threads]));
  const settings = groups.map((group) => {
    const { device, toolchain, threads } = group[0];
    const summaries = group.map((run) => run.metrics[name] as MetricSummary);
    return {
      ...{ device, toolchain, threads, runs: group, value: median(summaries.map((summary) => headline(name, summary))) },
      low: summaries.reduce((least, { min }) => Math.min(least, min), Number.POSITIVE_INFINITY), // there may be too many for a call
      high: summaries.reduce((most, { max }) => Math.max(most, max), Number.NEGATIVE_INFINITY),
    };
  });
  return { settings, scope, apart: others };
}

/** The better one of each key, in the order of the best first. */
export function bestBy(settings: readonly Setting[], name: MetricName, keyOf: (setting: Setting) => string): Setting[] {
  const sign = metric(name).better === 'lower' ? 1 : -1;
  const best = new Map<string, Setting>();
  for (const setting of [...settings].sort((a, b) => sign * (a.value - b.value) || (a.device < b.device ? -1 : 1))) {
    const key = keyOf(setting);
    if (!best.has(key)) best.set(key, setting);
  }
  return [...best.values()];
}
