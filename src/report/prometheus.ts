import { Gauge, Registry } from 'prom-client';
import { METRICS, type Metric } from '../core/metric.ts';
import { plain } from '../core/plain.ts';
import type { RunSummary } from '../core/run.ts';
import { newestOf } from './newest.ts';

/** Endings of names by unit, as Prometheus's conventions write them. */
const ENDINGS: Record<Metric['unit'], string> = {
  'tokens/s': '_tokens_per_second',
  s: '_seconds',
  B: '_bytes',
  'B/s': '_bytes_per_second',
  W: '_watts',
  J: '_joules',
  degC: '_celsius',
  Hz: '_hertz',
  count: '',
  ratio: '_ratio',
};

const LABELS = ['device', 'toolchain', 'model', 'suite', 'threads', 'scope'] as const;

/**
 * The text that Prometheus reads (exposition format 0.0.4): the newest valid run of every setting as gauges in base units, when it began, and
 * how many runs there are by state. Imported runs carry another fleet's device names and are here only where the caller gives them.
 */
export async function prometheus({ runs }: { runs: readonly RunSummary[] }): Promise<string> {
  const registry = new Registry();
  const newest = newestOf(runs).sort((a, b) => b.run.started - a.run.started);
  const unique = new Set<string>();
  const labelled = newest.flatMap(({ run, figures }) => {
    const { device, toolchain, model, suite, threads } = run;
    const labels = { device: plain(device), toolchain: plain(toolchain), model: plain(model), suite: plain(suite), threads: String(threads) };
    const key = JSON.stringify(labels);
    if (unique.has(key)) return []; // builds that differ in their flags alone: the newest of them
    unique.add(key);
    return [{ run, figures, labels }];
  });
  for (const { name, unit, definition } of METRICS) {
    const rows = labelled.flatMap(({ labels, figures }) =>
      figures.filter((figure) => figure.metric.name === name).map((figure) => ({ labels, figure })),
    );
    if (rows.length === 0) continue;
    const gauge = new Gauge({ name: `fleet_${name}${ENDINGS[unit]}`, help: definition, labelNames: LABELS, registers: [registry] });
    for (const { labels, figure } of rows) gauge.set({ ...labels, ...(figure.summary.scope ? { scope: figure.summary.scope } : {}) }, figure.value);
  }
  const started = new Gauge({
    name: 'fleet_run_started_timestamp_seconds',
    help: 'When the newest valid run began.',
    labelNames: LABELS,
    registers: [registry],
  });
  for (const { labels, run } of labelled) started.set(labels, run.started / 1000);
  const states = new Gauge({ name: 'fleet_runs', help: 'Runs by state.', labelNames: ['status'], registers: [registry] });
  for (const { status } of runs) states.inc({ status });
  return registry.metrics();
}
