import type { MetricName } from '../src/core/metric.ts';
import { METRIC_NAMES, metric } from '../src/core/metric.ts';
import type { RunSummary } from '../src/core/run.ts';
import { headline } from '../src/core/stats.ts';
import { flagChip, statusChip } from './chips.ts';
import { type Child, h } from './dom.ts';
import { follow } from './links.ts';
import { ago, dateAndTime, figure, measured, threadsOf } from './numbers.ts';

/** One column of the table of runs: a row here adds one. */
export interface Column {
  readonly key: string;
  readonly title: string;
  readonly hint: string;
  /** Classes of its cells; `wide` ones are left out on narrow screens, `widest` ones also on middling ones. */
  readonly looks: string;
  /** The order that its first press gives. */
  readonly first: 'up' | 'down';
  /** What it is sorted by; null comes last. */
  value(run: RunSummary): string | number | null;
  cell(run: RunSummary): Child;
}

function word(key: 'toolchain' | 'model' | 'suite', looks: string): Column {
  return { key, title: key, hint: `Sort by ${key}`, looks, first: 'up', value: (run) => run[key], cell: (run) => run[key] };
}

/** The number that stands for a metric. */
function value(name: MetricName, title: string, looks: string, shown: (value: number | null) => string): Column {
  const row = metric(name);
  const of = (run: RunSummary) => {
    const summary = run.metrics[name];
    return summary ? headline(name, summary) : null;
  };
  return {
    ...{ key: name, title, hint: row.definition, looks: `figure ${looks}`, first: row.better === 'lower' ? 'up' : 'down' },
    value: of,
    cell: (run) => shown(of(run)),
  };
}

const unit = (name: MetricName) => (found: number | null) => measured(found, name);

export const COLUMNS: readonly Column[] = [
  {
    ...{ key: 'device', title: 'device', hint: 'Sort by device', looks: '', first: 'up' },
    value: (run) => run.device,
    cell: (run) => [
      h('a', { href: `?run=${encodeURIComponent(run.id)}`, onclick: follow({ run: run.id }) }, run.device),
      h('span', { class: 'range narrow' }, `${run.toolchain} · ${threadsOf(run)}`),
      h('span', { class: 'range narrow' }, run.model),
    ],
  },
  word('toolchain', 'wide'),
  {
    ...{ key: 'threads', title: 'thr.', hint: 'Sort by number of threads', looks: 'figure wide', first: 'up' },
    value: (run) => run.threads || null,
    cell: (run) => run.threads || 'unknown',
  },
  word('model', 'wide'),
  word('suite', 'widest'),
  { ...value('decode_rate', 'decode t/s', '', figure), cell: (run) => rate(run, 'decode_rate') },
  { ...value('prefill_rate', 'prefill t/s', 'wide', figure) },
  value('time_to_first_token', 'TTFT', 'wide', unit('time_to_first_token')),
  value('inter_token_latency', 'token p50', 'widest', unit('inter_token_latency')),
  value('peak_rss', 'peak RSS', 'widest', unit('peak_rss')),
  {
    ...{ key: 'status', title: 'result', hint: 'Sort by result', looks: 'result', first: 'up' },
    value: (run) => [run.status, ...run.flags].join(' '),
    cell: (run) => [statusChip(run.status), run.flags.map(flagChip)],
  },
  {
    ...{ key: 'started', title: 'started', hint: 'Sort by time', looks: 'wide when', first: 'down' },
    value: (run) => run.started,
    cell: (run) => h('time', { datetime: new Date(run.started).toISOString(), title: dateAndTime(run.started) }, ago(run.started)),
  },
];

/** What the table needs of a run. */
export const COLUMN_METRICS: readonly MetricName[] = METRIC_NAMES.filter((name) => COLUMNS.some(({ key }) => key === name));

/** Median with lowest and highest as a small line below it. */
function rate(run: RunSummary, name: MetricName): Child {
  const found = run.metrics[name];
  if (!found) return figure(null);
  return [h('strong', {}, figure(found.median)), found.n > 1 && h('span', { class: 'range' }, `${figure(found.min)}–${figure(found.max)}`)];
}
