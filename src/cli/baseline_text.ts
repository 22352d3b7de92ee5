import type { Baseline } from '../core/baseline.ts';
import { quantity } from '../core/format.ts';
import { groupsBy } from '../core/groups.ts';
import { type HistoryRun, labelOf } from '../core/history.ts';
import { type MetricName, metric } from '../core/metric.ts';
import { headline, median } from '../core/stats.ts';
import { grid } from './grid.ts';

const SHOWN: readonly MetricName[] = ['decode_rate', 'prefill_rate'];

/** Runs of a baseline that share device, model, suite, threads, build and environment. */
interface Conditions {
  device: string;
  model: string;
  suite: string;
  threads: number;
  build: string;
  compiler: string;
  /** Hash of the device's facts; hash of the machine code, or where it cannot be told of the file. */
  environment: string | null;
  code: string | null;
  sha256: string;
  kernel: string | null;
  governor: string | null;
  runs: string[];
  /** Medians, in base units. */
  metrics: Partial<Record<MetricName, number>>;
}

/** The value of `fleet baseline show --json`. */
export function baselineJson(baseline: Baseline): { name: string; made: number; conditions: Conditions[] } {
  const keyOf = (run: HistoryRun) => JSON.stringify([run.device, run.model, run.suite, run.threads, labelOf(run), run.epoch, run.build.sha256]);
  return { name: baseline.name, made: baseline.made, conditions: groupsBy(baseline.runs, keyOf).map(conditionsOf) };
}

function conditionsOf(runs: readonly [HistoryRun, ...HistoryRun[]]): Conditions {
  const [first] = runs;
  const names = Object.keys(first.metrics) as MetricName[];
  const values = (name: MetricName) => runs.flatMap(({ metrics }) => (metrics[name] ? [headline(name, metrics[name])] : []));
  return {
    ...{
      device: first.device,
      model: first.model,
      suite: first.suite,
      threads: first.threads,
      build: labelOf(first),
      compiler: first.build.compiler,
    },
    ...{ environment: first.epoch, code: first.code, sha256: first.build.sha256 },
    ...{ kernel: first.facts?.kernel ?? null, governor: first.facts?.governor ?? null },
    runs: runs.map(({ id }) => id),
    metrics: Object.fromEntries(names.map((name) => [name, median(values(name))])),
  };
}

export function baselineList(baselines: readonly Baseline[]): string {
  if (baselines.length === 0) return 'No baselines: fleet baseline set NAME makes one of the runs there are.\n';
  const rows = baselines.map(({ name, made, runs }) => [
    name,
    day(made),
    String(runs.length),
    [...new Set(runs.map(({ device }) => device))].join(', '),
    [...new Set(runs.map(labelOf))].join(', '),
    String(new Set(runs.map(({ device, epoch }) => `${device} ${epoch}`)).size),
  ]);
  return grid(['baseline', 'made', 'runs', 'devices', 'builds', 'environments'], rows);
}

export function baselineCard(baseline: Baseline): string {
  const { name, made, conditions } = baselineJson(baseline);
  const rows = conditions.map((row) => [
    ...[row.device, row.model, row.suite, String(row.threads), row.build, String(row.runs.length)],
    ...SHOWN.map((shown) => quantity(row.metrics[shown], metric(shown).unit)),
    ...[row.environment?.slice(0, 8) ?? 'unknown', row.kernel ?? '', row.governor ?? '', (row.code ?? row.sha256).slice(0, 8)],
  ]);
  const head = ['device', 'model', 'suite', 'threads', 'build', 'runs', ...SHOWN.map((shown) => metric(shown).title)];
  return `baseline ${name}, made ${day(made)}\n\n${grid([...head, 'environment', 'kernel', 'governor', 'code'], rows)}`;
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
}
