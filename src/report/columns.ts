import { ABSENT, number, quantity } from '../core/format.ts';
import { type MetricName, metric } from '../core/metric.ts';
import { plain } from '../core/plain.ts';
import type { RunSummary } from '../core/run.ts';
import { headline } from '../core/stats.ts';

/** One column of the table of runs, in the terminal and in Markdown: a row here is all it takes to add one. */
export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** How it looks in a terminal that has colours. */
  readonly tone?: 'strong' | 'faint' | 'result';
  /** The first to go where the terminal is narrow are those with the highest number. */
  readonly rank: number;
  /** Text without active characters; "" or the sign of absence where the run has no such value. */
  cell(run: RunSummary): string;
}

/** Median, in the unit of the column's title. */
const rate =
  (name: MetricName) =>
  (run: RunSummary): string => {
    const found = run.metrics[name];
    return found ? number(found.median) : ABSENT;
  };

/** Lowest to highest measured value. */
const range =
  (name: MetricName) =>
  (run: RunSummary): string => {
    const found = run.metrics[name];
    return found && found.n > 1 ? `${number(found.min)}–${number(found.max)}` : ABSENT;
  };

/** The number that stands for the metric, with its unit. */
const value =
  (name: MetricName) =>
  (run: RunSummary): string => {
    const found = run.metrics[name];
    return quantity(found && headline(name, found), metric(name).unit);
  };

const p95 =
  (name: MetricName) =>
  (run: RunSummary): string =>
    quantity(run.metrics[name]?.p95, metric(name).unit);

const text = (pick: (run: RunSummary) => string) => (run: RunSummary) => plain(pick(run));

/** In the order shown. A column in which no run has a value is left out. */
export const COLUMNS: readonly Column[] = [
  { title: 'device', align: 'left', rank: 0, cell: text((run) => run.device) },
  { title: 'toolchain', align: 'left', rank: 0, cell: text((run) => run.toolchain) },
  { title: 'threads', align: 'right', rank: 0, cell: (run) => (run.threads > 0 ? String(run.threads) : ABSENT) },
  { title: 'decode t/s', align: 'right', rank: 0, tone: 'strong', cell: rate('decode_rate') },
  { title: 'range', align: 'right', rank: 5, tone: 'faint', cell: range('decode_rate') },
  { title: 'prefill t/s', align: 'right', rank: 1, cell: rate('prefill_rate') },
  { title: 'range', align: 'right', rank: 8, tone: 'faint', cell: range('prefill_rate') },
  { title: 'TTFT', align: 'right', rank: 2, cell: value('time_to_first_token') },
  { title: 'token p50', align: 'right', rank: 4, cell: value('inter_token_latency') },
  { title: 'token p95', align: 'right', rank: 4, cell: p95('inter_token_latency') },
  { title: 'peak RSS', align: 'right', rank: 3, cell: value('peak_rss') },
  { title: 'bytes/token', align: 'right', rank: 7, cell: value('bytes_per_token') },
  { title: 'bandwidth', align: 'right', rank: 6, cell: value('bandwidth') },
  { title: 'power', align: 'right', rank: 6, cell: value('power_mean') },
  { title: 'J/token', align: 'right', rank: 5, cell: value('energy_per_token') },
  { title: 'of', align: 'left', rank: 5, tone: 'faint', cell: (run) => (run.metrics.energy_per_token ?? run.metrics.power_mean)?.scope ?? ABSENT },
  { title: 'result', align: 'left', rank: 0, tone: 'result', cell: (run) => [run.status, ...run.flags].join(', ') },
];

/** In front of the others where a run is to be picked out. */
export const ID: Column = { title: 'run', align: 'left', rank: 0, tone: 'faint', cell: text((run) => run.id) };

/** The columns in which at least one of these runs has a value. */
export function filledColumns(runs: readonly RunSummary[]): Column[] {
  return COLUMNS.filter((column) => runs.some((run) => !['', ABSENT].includes(column.cell(run))));
}

/** Runs that share model and suite stand in one table; groups in the order of their first run. */
export function groups<Run extends RunSummary>(runs: readonly Run[]): { model: string; suite: string; runs: Run[] }[] {
  const found = new Map<string, { model: string; suite: string; runs: Run[] }>();
  for (const run of runs) {
    const key = JSON.stringify([run.model, run.suite]);
    const group = found.get(key) ?? { model: run.model, suite: run.suite, runs: [] };
    found.set(key, group);
    group.runs.push(run);
  }
  return [...found.values()];
}
