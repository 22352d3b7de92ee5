import { METRICS, type Metric, type MetricName } from '../core/metric.ts';
import type { MetricSummary, RunSummary } from '../core/run.ts';
import { headline } from '../core/stats.ts';
import { isValid } from '../core/validity.ts';

/** The newest valid run of one setting: what other programs keep one number of. */
export interface Newest {
  run: RunSummary;
  /** Unique among all: device, model, suite, toolchain and threads; the flags of the compiler where they alone tell two apart. */
  name: string;
  figures: { metric: Metric & { name: MetricName }; summary: MetricSummary; value: number }[];
}

/** In the order of their names; runs come newest first. A run that is not valid is in no dashboard of others either. */
export function newestOf(runs: readonly RunSummary[]): Newest[] {
  const found = new Map<string, RunSummary>();
  for (const run of runs) {
    const key = JSON.stringify([nameOf(run), run.build.flags]);
    if (isValid(run) && !found.has(key)) found.set(key, run);
  }
  const all = [...found.values()];
  const named = all.map((run): Newest => {
    const alone = all.filter((other) => nameOf(other) === nameOf(run)).length === 1;
    const figures = METRICS.flatMap((metric) => {
      const summary = run.metrics[metric.name];
      return summary ? [{ metric, summary, value: headline(metric.name, summary) }] : [];
    });
    return { run, name: alone ? nameOf(run) : `${nameOf(run)}/${run.build.flags}`, figures };
  });
  return named.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function nameOf({ device, model, suite, toolchain, threads }: RunSummary): string {
  return [device, model, suite, toolchain, `${threads}t`].join('/');
}
