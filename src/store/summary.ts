import { METRICS, type MetricName, metric } from '../core/metric.ts';
import type { MetricSummary, RunSummary } from '../core/run.ts';
import { gaps, summarise } from '../core/stats.ts';
import type { Sql } from './sql.ts';
import { unpackTrace } from './trace.ts';

type Metrics = Pick<RunSummary, 'metrics' | 'prompts'>;
/** Raw values by metric. */
type Values = Map<MetricName, number[]>;

/**
 * Summaries of a run over its raw samples, warm-up left out: over all prompts and by prompt. The inter-token latency is pooled from the
 * gaps of the token times of all measured requests; samples of that metric count only where the run has no token times.
 */
export function summariseRun(sql: Sql, run: string): Metrics {
  const all: Values = new Map();
  const byPrompt = new Map<string, Values>();
  const add = (name: MetricName, prompt: string | null, values: readonly number[]): void => {
    push(all, name, values);
    if (prompt === null) return;
    const known = byPrompt.get(prompt) ?? new Map();
    byPrompt.set(prompt, known);
    push(known, name, values);
  };

  const traces = sql.all<{ prompt: string | null; times: number; vals: number; data: Buffer }>(
    "SELECT prompt, times, vals, data FROM series WHERE run = ? AND name = 'token_times' AND NOT warmup ORDER BY seq",
    run,
  );
  for (const { prompt, times, vals, data } of traces) add('inter_token_latency', prompt, gaps(unpackTrace(data, times, vals).times));

  const samples = sql.all<{ metric: MetricName; value: number; prompt: string | null }>(
    'SELECT metric, value, prompt FROM samples WHERE run = ? AND NOT warmup ORDER BY seq',
    run,
  );
  for (const { metric, value, prompt } of samples) {
    if (metric === 'inter_token_latency' && traces.length > 0) continue;
    add(metric, prompt, [value]);
  }
  // fromEntries, because a prompt's name comes from outside and may be "__proto__"
  return { metrics: summaries(all), prompts: Object.fromEntries([...byPrompt].map(([prompt, values]) => [prompt, summaries(values)])) };
}

function push(into: Values, name: MetricName, values: readonly number[]): void {
  const known = into.get(name) ?? [];
  into.set(name, known);
  for (const value of values) known.push(value);
}

/** In the order of the table of metrics; a metric without a value is absent, never 0. */
function summaries(values: Values): Partial<Record<MetricName, MetricSummary>> {
  const result: Partial<Record<MetricName, MetricSummary>> = {};
  for (const { name } of METRICS) {
    const summary = summarise(values.get(name) ?? [], metric(name).unit);
    if (summary) result[name] = summary;
  }
  return result;
}
