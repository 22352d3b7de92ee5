import type { NewComparison, Side, StoredComparison } from '../core/comparison.ts';
import type { MetricName } from '../core/metric.ts';
import type { RunSummary } from '../core/run.ts';
import type { ComparisonFilter } from '../core/store.ts';
import type { Sql } from './sql.ts';

interface Row {
  id: string;
  device: string;
  model: string;
  suite: string;
  threads: number;
  metrics: string;
  seed: number;
  epoch: string | null;
  started: number;
  ended: number | null;
  status: StoredComparison['status'];
  message: string | null;
  baseline: number;
  candidate: number;
}

interface LaunchRow {
  comparison: string;
  pair: number;
  side: Side;
  run: string;
}

/** Newest first, with every launch; `runsOf` gives runs by their ids, with all metrics or these. */
export function readComparisons(
  sql: Sql,
  filter: ComparisonFilter,
  runsOf: (ids: string[], metrics?: readonly MetricName[]) => RunSummary[],
): StoredComparison[] {
  const narrow = (['id', 'device', 'model', 'suite', 'threads', 'epoch'] as const).filter((field) => filter[field] !== undefined);
  const where = narrow.map((field) => `${field} IS ?`);
  if (filter.noise) where.push('baseline = candidate');
  if (filter.id === undefined) where.push('device NOT IN (SELECT id FROM devices WHERE origin IS NOT NULL)');
  const rows = sql.all<Row>(
    `SELECT * FROM comparisons ${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY started DESC, id DESC LIMIT ?`,
    ...narrow.map((field) => filter[field]),
    filter.limit ?? 100,
  );
  const launches = new Map<string, LaunchRow[]>(rows.map(({ id }) => [id, []]));
  const all = sql.all<LaunchRow>(
    'SELECT launches.* FROM json_each(?) AS wanted CROSS JOIN launches ON comparison = wanted.value ORDER BY comparison, pair, side',
    JSON.stringify([...launches.keys()]),
  );
  for (const launch of all) launches.get(launch.comparison)?.push(launch);
  const own = () => [...new Set(rows.flatMap(({ metrics }) => JSON.parse(metrics) as MetricName[]))];
  const ids = [...new Set(all.map(({ run }) => run))];
  const found = ids.length > 0 ? runsOf(ids, filter.metrics === 'own' ? own() : filter.metrics) : [];
  const runs = new Map(found.map((run) => [run.id, run]));
  return rows.map((row) => ({
    ...{ id: row.id, device: row.device, model: row.model, suite: row.suite, threads: row.threads, seed: row.seed, epoch: row.epoch },
    ...{ started: row.started, ended: row.ended, status: row.status, message: row.message },
    metrics: JSON.parse(row.metrics) as MetricName[],
    ...{ baseline: buildOf(sql, row.baseline), candidate: buildOf(sql, row.candidate) },
    launches: (launches.get(row.id) ?? []).map(({ pair, side, run }) => ({ pair, side, run: runs.get(run) as RunSummary })),
  }));
}

function buildOf(sql: Sql, id: number): StoredComparison['baseline'] {
  return sql.get('SELECT toolchain, flags, sha256, compiler, code FROM builds WHERE id = ?', id) as StoredComparison['baseline'];
}

/** `baseline` and `candidate`: rows of builds. */
export function insertComparison(sql: Sql, comparison: NewComparison, baseline: number, candidate: number): void {
  const { id, device, model, suite, suiteVersion, threads, metrics, seed, epoch, started } = comparison;
  sql.run(
    `INSERT INTO comparisons (id, device, baseline, candidate, model, suite, suite_version, threads, metrics, seed, epoch, started, status)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'running')`,
    ...[id, device, baseline, candidate, model, suite, suiteVersion, threads, JSON.stringify(metrics), seed, epoch, started],
  );
}
