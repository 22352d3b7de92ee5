import type { FlagName } from '../core/flags.ts';
import { METRIC_NAMES, type MetricName, metric, QUALITY } from '../core/metric.ts';
import type { MetricSummary, RunStatus, RunSummary } from '../core/run.ts';
import { oneScope, type Scope } from '../core/scope.ts';
import type { SettingFilter, Standing, StoredQuality, StoredSetting } from '../core/setting.ts';
import { headline, median } from '../core/stats.ts';
import { isReal, isValid } from '../core/validity.ts';
import type { Sql } from './sql.ts';
import { summariseRun } from './summary.ts';

/** Runs of one transaction when many are missing. */
const BATCH = 500;

interface Row {
  device: string;
  build: number;
  model: string;
  suite: string;
  threads: number;
  status: RunStatus;
  setting: number | null;
}

/** Works out anew what lists and charts show of a run, and of its setting; a run that is under way shows in neither. Call it in a transaction. */
export function rollUp(sql: Sql, run: string): void {
  for (const setting of rollRun(sql, run)) stand(sql, setting);
}

/** The same for every run that is over and has no figures, or old ones: an older fleet wrote it, or rows were put in past the store. */
export function rollUpMissing(sql: Sql): void {
  const next = () => sql.all<{ id: string }>(`SELECT id FROM runs WHERE status NOT IN ('queued', 'running') AND rolled <> revision LIMIT ${BATCH}`);
  const moved = new Set<number>();
  while (sql.read('runs without figures', next).length > 0)
    sql.write('figures', () => {
      for (const { id } of next()) for (const setting of rollRun(sql, id)) moved.add(setting);
    });
  for (const setting of moved) sql.write('standings', () => stand(sql, setting));
}

/** Flags of a run, each once, in the order of their names. */
export function flagsOf(sql: Sql, run: string): FlagName[] {
  return flagsOfRuns(sql, [run]).get(run) ?? [];
}

/** The same of many runs at once; runs without any are left out. */
export function flagsOfRuns(sql: Sql, runs: readonly string[]): Map<string, FlagName[]> {
  const found = new Map<string, FlagName[]>();
  for (const { run, name } of sql.all<{ run: string; name: FlagName }>(
    'SELECT DISTINCT run, name FROM json_each(?) AS wanted CROSS JOIN flags ON run = wanted.value ORDER BY run, name',
    JSON.stringify(runs),
  )) {
    const known = found.get(run);
    if (known) known.push(name);
    else found.set(run, [name]);
  }
  return found;
}

/** Writes the figures of a run; gives the settings that they left and came to. */
function rollRun(sql: Sql, run: string): Set<number> {
  const row = sql.get<Row>('SELECT device, build, model, suite, threads, status, setting FROM runs WHERE id = ?', run) as Row;
  const over = row.status !== 'queued' && row.status !== 'running';
  const moved = new Set<number>();
  if (row.setting !== null) {
    sql.run('DELETE FROM figures WHERE setting = ? AND run = ?', row.setting, run);
    moved.add(row.setting);
  }
  if (over) moved.add(place(sql, run, row));
  else if (row.setting !== null) sql.run('UPDATE runs SET setting = NULL, rolled = -1 WHERE id = ?', run);
  return moved;
}

/** What all runs of a setting are; where nothing real was timed no chart shows them. */
const [UNREAL, INVALID, VALID] = [-1, 0, 1];

function place(sql: Sql, run: string, row: Row): number {
  const flags = flagsOf(sql, run);
  const setting = settingOf(sql, row, !isReal({ flags }) ? UNREAL : isValid({ status: row.status, flags }) ? VALID : INVALID);
  for (const [name, found] of Object.entries(summariseRun(sql, run).metrics) as [MetricName, MetricSummary][]) {
    const { median: middle, p95, min, max, n, source = null, scope = null } = found;
    sql.run('INSERT INTO figures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', setting, run, name, middle, p95, min, max, n, source, scope);
  }
  sql.run('UPDATE runs SET setting = ?, rolled = revision WHERE id = ?', setting, run);
  return setting;
}

function settingOf(sql: Sql, { device, build, model, suite, threads }: Row, valid: number): number {
  const key = [device, build, model, suite, threads, valid];
  sql.run('INSERT INTO settings (device, build, model, suite, threads, valid) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING', ...key);
  return sql.get<{ id: number }>(
    'SELECT id FROM settings WHERE device = ? AND build = ? AND model = ? AND suite = ? AND threads = ? AND valid = ?',
    ...key,
  )?.id as number;
}

interface Figure {
  run: string;
  metric: MetricName;
  median: number;
  p95: number | null;
  low: number;
  high: number;
  n: number;
  source: string | null;
  scope: Scope | null;
}

/** Writes what stands for a setting. */
function stand(sql: Sql, setting: number): void {
  sql.run('DELETE FROM standings WHERE setting = ?', setting);
  sql.run('UPDATE settings SET newest = coalesce((SELECT max(started) FROM runs WHERE setting = settings.id), 0) WHERE id = ?', setting);
  const figures = sql.all<Figure>(
    'SELECT figures.* FROM figures JOIN runs ON runs.id = figures.run WHERE figures.setting = ? ORDER BY started DESC, run DESC',
    setting,
  );
  const byMetric = new Map<MetricName, Figure[]>();
  for (const figure of figures) {
    const known = byMetric.get(figure.metric);
    if (known) known.push(figure);
    else byMetric.set(figure.metric, [figure]);
  }
  for (const [name, all] of byMetric) {
    const { kept, scope } = oneScope(all, (figure) => figure.scope ?? undefined);
    const value = median(kept.map((figure) => headline(name, summaryOf(figure))));
    const low = kept.reduce((least, figure) => Math.min(least, figure.low), Number.POSITIVE_INFINITY);
    const high = kept.reduce((most, figure) => Math.max(most, figure.high), Number.NEGATIVE_INFINITY);
    const n = kept.reduce((sum, figure) => sum + figure.n, 0);
    sql.run('INSERT INTO standings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', setting, name, value, low, high, kept.length, n, scope, kept[0]?.run);
  }
}

/** The metrics of runs that are over, all or these, by run; each in the order of the table of metrics. */
export function readFigures(
  sql: Sql,
  runs: readonly { id: string; setting: number }[],
  metrics?: readonly MetricName[],
): Map<string, RunSummary['metrics']> {
  const found = new Map(runs.map(({ id }) => [id, new Map<MetricName, Figure>()]));
  const rows = sql.all<Figure>(
    `SELECT figures.* FROM json_each(?) AS wanted
     CROSS JOIN figures ON setting = json_extract(wanted.value, '$[0]') AND run = json_extract(wanted.value, '$[1]')
     ${metrics ? 'AND metric IN (SELECT value FROM json_each(?))' : ''}`,
    JSON.stringify(runs.map(({ setting, id }) => [setting, id])),
    ...(metrics ? [JSON.stringify(metrics)] : []),
  );
  for (const figure of rows) found.get(figure.run)?.set(figure.metric, figure);
  const names = metrics ? METRIC_NAMES.filter((name) => metrics.includes(name)) : METRIC_NAMES;
  return new Map(
    [...found].map(([run, figures]) => [
      run,
      Object.fromEntries(
        names.flatMap((name) => {
          const figure = figures.get(name);
          return figure ? [[name, summaryOf(figure)]] : [];
        }),
      ),
    ]),
  );
}

function summaryOf({ metric: name, median: middle, p95, low, high, n, source, scope }: Figure): MetricSummary {
  const summary = { median: middle, p50: middle, p95, min: low, max: high, n, unit: metric(name).unit };
  return source !== null && scope !== null ? { ...summary, source, scope } : summary;
}

type SettingRow = Omit<StoredSetting, 'valid' | 'metrics'> & { valid: number };
type StandingRow = Standing & { setting: number; metric: MetricName };

/** What each filter asks of a row of settings; the value is a JSON array. */
const ASKED = {
  ...{ device: 'device', model: 'model', suite: 'suite', threads: 'threads', valid: 'valid' },
  toolchain: 'build',
} as const;

/** Those of this fleet, newest first: what was imported stands apart. Everything is narrowed in one index, newest first, before any row is read. */
export function readSettings(sql: Sql, filter: SettingFilter): StoredSetting[] {
  const narrow = (Object.keys(ASKED) as (keyof typeof ASKED)[]).filter((field) => filter[field] !== undefined);
  const among = (field: keyof typeof ASKED) => {
    const given = 'SELECT value FROM json_each(?)';
    return `AND ${ASKED[field]} IN (${field === 'toolchain' ? `SELECT id FROM builds WHERE toolchain IN (${given})` : given})`;
  };
  const rows = sql.all<SettingRow>(
    `WITH chosen AS MATERIALIZED (
       SELECT id, newest FROM settings INDEXED BY settings_listed
       WHERE newest > 0 AND valid <> ${UNREAL} AND device NOT IN (SELECT id FROM devices WHERE origin IS NOT NULL) ${narrow.map(among).join(' ')}
       ORDER BY newest DESC, id DESC LIMIT ?)
     SELECT settings.id, device, toolchain, flags, sha256, model, suite, threads, valid
     FROM chosen CROSS JOIN settings ON settings.id = chosen.id CROSS JOIN builds ON builds.id = build ORDER BY chosen.newest DESC, chosen.id DESC`,
    ...narrow.map((field) => JSON.stringify([filter[field]].flat().map((value) => (typeof value === 'boolean' ? Number(value) : value)))),
    filter.limit ?? -1, // SQLite: no limit
  );
  const settings = new Map(rows.map((row) => [row.id, { ...row, valid: row.valid === VALID, metrics: {} as StoredSetting['metrics'] }]));
  const standings = sql.all<StandingRow>(
    `SELECT standings.* FROM json_each(?) AS wanted CROSS JOIN standings ON setting = wanted.value
     ${filter.metrics ? 'AND metric IN (SELECT value FROM json_each(?))' : ''}`,
    JSON.stringify([...settings.keys()]),
    ...(filter.metrics ? [JSON.stringify(filter.metrics)] : []),
  );
  for (const { setting, metric: name, ...standing } of standings) (settings.get(setting) as StoredSetting).metrics[name] = standing;
  return [...settings.values()].filter(({ metrics }) => Object.keys(metrics).length > 0);
}

/** Models in one answer. */
const MOST_MODELS = 2000;

/** What was measured last in each suite of each model; of this fleet alone. */
export function readQuality(sql: Sql): StoredQuality[] {
  const found = new Map<string, StoredQuality>();
  const rows = sql.all<Standing & { model: string; suite: string; metric: MetricName; newest: number }>(
    `SELECT model, suite, metric, value, low, high, runs, n, scope, run, max(newest) AS newest
     FROM standings CROSS JOIN settings ON settings.id = setting
     WHERE metric IN (SELECT value FROM json_each(?)) AND valid = ${VALID} AND device NOT IN (SELECT id FROM devices WHERE origin IS NOT NULL)
     GROUP BY model, suite, metric ORDER BY newest DESC, model, suite LIMIT ${MOST_MODELS}`,
    JSON.stringify(QUALITY),
  );
  for (const { model, suite, metric: name, newest: _newest, ...standing } of rows) {
    const key = JSON.stringify([model, suite]);
    const known = found.get(key) ?? { model, suite, metrics: {} };
    found.set(key, known);
    known.metrics[name] = standing;
  }
  return [...found.values()];
}
