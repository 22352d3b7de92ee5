import type { Baseline } from '../core/baseline.ts';
import type { Facts } from '../core/facts.ts';
import type { HistoryRun } from '../core/history.ts';
import type { MetricName } from '../core/metric.ts';
import type { Sql } from './sql.ts';

type Place = Pick<HistoryRun, 'suiteVersion' | 'cpus' | 'epoch' | 'facts' | 'code' | 'commit' | 'launch' | 'rerunOf'>;

/** Of a row of runs. */
interface Row {
  id: string;
  suite_version: number;
  cpus: string | null;
  epoch: string | null;
  code: string | null;
  commit_id: string | null;
  /** Of the row of facts. */
  facts: number | null;
}

/** Tells of the rows of these runs what their place in time takes. Facts that several runs share are read once. */
export function placesInTime(sql: Sql, runs: readonly string[]): (row: Row) => Place {
  const ids = JSON.stringify(runs);
  const among = 'FROM json_each(?) AS wanted CROSS JOIN';
  const launches = new Set(sql.all<{ run: string }>(`SELECT DISTINCT run ${among} launches ON run = wanted.value`, ids).map(({ run }) => run));
  const reruns = new Map<string, MetricName[]>();
  const rows = sql.all<{ run: string; metric: MetricName }>(`SELECT run, metric ${among} reruns ON run = wanted.value ORDER BY run, metric`, ids);
  for (const { run, metric } of rows) reruns.set(run, [...(reruns.get(run) ?? []), metric]);
  const known = new Map<number, Facts>();
  const factsOf = (id: number | null): Facts | null => {
    if (id === null) return null;
    const facts = known.get(id) ?? (JSON.parse(sql.get<{ json: string }>('SELECT json FROM facts WHERE id = ?', id)?.json ?? 'null') as Facts);
    known.set(id, facts);
    return facts;
  };
  return ({ id, suite_version, cpus, epoch, code, commit_id, facts }) => ({
    ...{ suiteVersion: suite_version, cpus, epoch, code, commit: commit_id, facts: factsOf(facts), launch: launches.has(id) },
    rerunOf: reruns.get(id) ?? [],
  });
}

/** By name; `runsOf` gives runs by their ids, newest first. */
export function readBaselines(sql: Sql, runsOf: (ids: string[]) => HistoryRun[]): Baseline[] {
  return sql.all<{ name: string; made: number }>('SELECT name, made FROM baselines ORDER BY name').map(({ name, made }) => {
    const ids = sql.all<{ run: string }>('SELECT run FROM baseline_runs WHERE baseline = ?', name).map(({ run }) => run);
    return { name, made, runs: runsOf(ids).reverse() };
  });
}
