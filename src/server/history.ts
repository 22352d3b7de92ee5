import { specLabel } from '../core/build.ts';
import type { HistoryEpoch, HistorySeries } from '../core/history.ts';
import type { MetricName } from '../core/metric.ts';
import type { RunSummary } from '../core/run.ts';
import { headline, median } from '../core/stats.ts';

/** One metric of valid runs over time: a series for each set of conditions that stay the same, an epoch for each binary. */
export function historiesOf(runs: readonly RunSummary[], name: MetricName): HistorySeries[] {
  const series = new Map<string, RunSummary[]>();
  for (const run of [...runs].sort((a, b) => a.started - b.started)) {
    const { device, model, suite, threads, toolchain, build, metrics } = run;
    if (!metrics[name]) continue;
    const key = JSON.stringify([device, model, suite, threads, toolchain, build.flags, metrics[name].scope ?? null]);
    series.set(key, [...(series.get(key) ?? []), run]);
  }
  return [...series.values()].map((group) => {
    const { device, model, suite, threads, toolchain, build, metrics } = group[0] as RunSummary;
    const binaries = new Map<string, RunSummary[]>();
    for (const run of group) binaries.set(run.build.sha256, [...(binaries.get(run.build.sha256) ?? []), run]);
    return {
      ...{ device, model, suite, threads, build: specLabel({ toolchain, flags: build.flags }), metric: name, scope: metrics[name]?.scope ?? null },
      epochs: [...binaries.values()].map((own) => epochOf(own, name)),
    };
  });
}

function epochOf(runs: readonly RunSummary[], name: MetricName): HistoryEpoch {
  const points = runs.flatMap(({ id, started, metrics }) => (metrics[name] ? [{ run: id, started, value: headline(name, metrics[name]) }] : []));
  const [first, last] = [runs[0] as RunSummary, runs.at(-1) as RunSummary];
  return {
    ...{ code: first.build.sha256, compiler: first.build.compiler, started: first.started, ended: last.started, runs: points.length },
    ...{ median: median(points.map(({ value }) => value)), causes: [], points, changes: [] },
  };
}
