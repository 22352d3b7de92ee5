import { ABSENT, number, quantity } from '../core/format.ts';
import { METRICS, type Metric, type MetricName, metric } from '../core/metric.ts';
import { clip, plain } from '../core/plain.ts';
import type { MetricSummary, RunSummary } from '../core/run.ts';
import { headline } from '../core/stats.ts';
import { type Colours, resultColour } from './colour.ts';
import { fit, type GridColumn, gridLines } from './grid.ts';
import { threads } from './notes.ts';

/** Metrics that are worth a column by prompt. */
const BY_PROMPT: readonly MetricName[] = ['decode_rate', 'prefill_rate', 'time_to_first_token', 'inter_token_latency', 'throughput_rate'];

/** One run from top to bottom: every metric with its spread, then the main ones by prompt. */
export function card(run: RunSummary, width: number, colours: Colours): string[] {
  const state = [run.status, ...run.flags].join(', ');
  const lines = [`${plain(run.device)} · ${plain(run.toolchain)} · ${threads(run)} · ${resultColour(run, colours)(state)}`];
  const found = METRICS.flatMap(({ name }) => (run.metrics[name] ? [{ name, summary: run.metrics[name] }] : []));
  if (found.length > 0) lines.push(...indented(metricGrid(found, colours), width, colours));
  const prompts = Object.entries(run.prompts);
  if (prompts.length > 1) lines.push('', ...indented(promptGrid(prompts), width, colours));
  return lines;
}

function indented(columns: readonly GridColumn[], width: number, colours: Colours): string[] {
  return gridLines(fit(columns, width - 2).kept, colours.dim).map((line) => `  ${line}`);
}

function metricGrid(found: readonly { name: MetricName; summary: MetricSummary }[], colours: Colours): GridColumn[] {
  const cells = (text: (row: Metric, summary: MetricSummary) => string) => found.map(({ name, summary }) => text(metric(name), summary));
  const tail = ({ summary, unit }: Metric, { p95 }: MetricSummary) => (p95 === null || summary !== 'median' ? '' : quantity(p95, unit));
  return [
    { title: '', align: 'left', rank: 0, cells: cells((row, { scope }) => `${title(row)}${scope ? `, ${scope}` : ''}`) },
    {
      title: 'median',
      align: 'right',
      rank: 0,
      cells: cells((row, s) => quantity(headline(row.name as MetricName, s), row.unit)),
      style: colours.bold,
    },
    { title: 'p95', align: 'right', rank: 2, cells: cells(tail) },
    { title: 'lowest – highest', align: 'right', rank: 1, cells: cells(range), style: colours.dim },
    { title: 'values', align: 'right', rank: 3, cells: cells((_, { n }) => String(n)), style: colours.dim },
  ];
}

/** Says where the number is no median. */
function title({ title, summary }: Metric): string {
  return summary === 'max' || summary === 'min' ? `${title} (${summary})` : title;
}

/** "57.1 – 61.3 ms", or with both units where they differ; nothing where there is no spread. */
function range({ unit }: Metric, { n, min, max }: MetricSummary): string {
  if (n < 2 || min === max) return '';
  const [low, high] = [quantity(min, unit), quantity(max, unit)];
  const [amount, lowUnit] = low.split(' ');
  return `${lowUnit === high.split(' ')[1] ? amount : low} – ${high}`;
}

function promptGrid(prompts: readonly [string, RunSummary['metrics']][]): GridColumn[] {
  const filled = BY_PROMPT.filter((name) => prompts.some(([, metrics]) => metrics[name]));
  const columns = filled.map((name, i): GridColumn => {
    const { title, unit } = metric(name);
    const rate = unit === 'tokens/s';
    const cell = (found: MetricSummary | undefined) => (found ? (rate ? number(found.median) : quantity(found.median, unit)) : ABSENT);
    return { title: rate ? `${title} ${unit}` : title, align: 'right', rank: i, cells: prompts.map(([, metrics]) => cell(metrics[name])) };
  });
  return [{ title: 'prompt', align: 'left', rank: 0, cells: prompts.map(([id]) => clip(plain(id), 24)) }, ...columns];
}
