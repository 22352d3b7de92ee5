import { METRICS, type MetricName, metric } from '../core/metric.ts';
import type { MetricSummary, RunSummary } from '../core/run.ts';
import { type Scope, scopeRank } from '../core/scope.ts';
import { gaps, summarise } from '../core/stats.ts';
import type { Sql } from './sql.ts';
import { unpackTrace } from './trace.ts';

type Metrics = Pick<RunSummary, 'metrics' | 'prompts'>;
/** Raw values by metric. */
type Values = Map<MetricName, number[]>;

/**
 * Summaries of a run over its raw samples, warm-up left out: over all prompts and by prompt. The inter-token latency is pooled from the
 * gaps of the token times of all measured requests; samples of that metric count only where the run has no token times. Of several sources
 * of power the best one stands for the run, in all its figures: scopes do not mix.
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

  const samples = sql.all<Sample>('SELECT metric, value, prompt, source, scope FROM samples WHERE run = ? AND NOT warmup ORDER BY seq', run);
  const main = mainSource(samples);
  for (const { metric, value, prompt, source } of samples) {
    if (metric === 'inter_token_latency' && traces.length > 0) continue;
    if (source === null || source === main?.source) add(metric, prompt, [value]);
  }
  const summaries = (values: Values) => summarised(values, main);
  // fromEntries, because a prompt's name comes from outside and may be "__proto__"
  return { metrics: summaries(all), prompts: Object.fromEntries([...byPrompt].map(([prompt, values]) => [prompt, summaries(values)])) };
}

interface Sample {
  metric: MetricName;
  value: number;
  prompt: string | null;
  source: string | null;
  scope: Scope | null;
}

interface Origin {
  source: string;
  scope: Scope;
}

/** The source that stands for the run: the best scope that gave an energy or at least a power; an estimate never does. */
function mainSource(samples: readonly Sample[]): Origin | null {
  const merit = new Map<string, Origin & { energies: number }>();
  for (const { metric, source, scope } of samples) {
    if (source === null || scope === null || scope === 'estimate') continue;
    const known = merit.get(source) ?? { source, scope, energies: 0 };
    merit.set(source, { ...known, energies: known.energies + (metric === 'energy_per_token' ? 1 : 0) });
  }
  const [best] = [...merit.values()].sort(
    (a, b) => Number(b.energies > 0) - Number(a.energies > 0) || scopeRank(a.scope) - scopeRank(b.scope) || (a.source < b.source ? -1 : 1),
  );
  return best ?? null;
}

function push(into: Values, name: MetricName, values: readonly number[]): void {
  const known = into.get(name) ?? [];
  into.set(name, known);
  for (const value of values) known.push(value);
}

/** In the order of the table of metrics; a metric without a value is absent, never 0. */
function summarised(values: Values, main: Origin | null): Partial<Record<MetricName, MetricSummary>> {
  const result: Partial<Record<MetricName, MetricSummary>> = {};
  for (const { name } of METRICS) {
    const summary = summarise(values.get(name) ?? [], metric(name).unit);
    const { source, scope } = main ?? {};
    if (summary) result[name] = isPower(name) ? { ...summary, source, scope } : summary;
  }
  return result;
}

function isPower(name: MetricName): boolean {
  return name.startsWith('power_') || name.startsWith('energy_');
}
