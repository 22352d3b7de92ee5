import type { Baseline } from '../core/baseline.ts';
import type { BundleLine } from '../core/bundle.ts';
import type { StoredComparison } from '../core/comparison.ts';
import type { Facts } from '../core/facts.ts';
import type { HistoryRun } from '../core/history.ts';
import type { Marker } from '../core/joules.ts';
import { METRIC_NAMES, type MetricName } from '../core/metric.ts';
import type { RunStatus, RunSummary } from '../core/run.ts';
import type { SettingFilter, StoredQuality, StoredSetting } from '../core/setting.ts';
import type {
  Changes,
  ComparisonFilter,
  DetailBounds,
  Evidence,
  RunDetail,
  RunFilter,
  RunProgress,
  StoredDevice,
  StoredEvent,
  StoredOrigin,
  StoredOutput,
  StoredSample,
  StoredSeries,
  StoreReader,
} from '../core/store.ts';
import { INVALID_FLAGS } from '../core/validity.ts';
import { readBundle } from './bundle.ts';
import { readComparisons } from './comparisons.ts';
import { copyDatabase } from './copy.ts';
import { placesInTime, readBaselines } from './history.ts';
import { flagsOf, flagsOfRuns, readFigures, readQuality, readSettings } from './rollup.ts';
import type { RunRow } from './run_row.ts';
import type { Sql } from './sql.ts';
import { summariseRun } from './summary.ts';
import { unpackTrace } from './trace.ts';

/** Events of a run that its detail shows. */
const EVENT_TAIL = 200;

/** Runs whose progress is told at once. */
const TOLD = 500;

/** Summaries that are kept at once. */
const MOST_SUMMARIES = 2000;

const RUNS = `
  SELECT runs.*, builds.toolchain, builds.sha256, builds.compiler, builds.flags, builds.target, builds.code, builds.commit_id, facts.epoch,
    (SELECT origin FROM devices WHERE devices.id = runs.device) AS origin
  FROM runs JOIN builds ON builds.id = runs.build LEFT JOIN facts ON facts.id = runs.facts`;

/** The reading half of the store. */
export class Query implements StoreReader {
  readonly path: string;
  protected readonly sql: Sql;
  /** Summaries by run: good as long as the run's revision stands. */
  readonly #summaries = new Map<string, { revision: number; made: Pick<RunSummary, 'metrics' | 'prompts'> }>();

  constructor(sql: Sql) {
    this.sql = sql;
    this.path = sql.path;
  }

  runs(filter: RunFilter = {}): RunSummary[] {
    return this.sql.read('list of runs', () => this.#summariesOf(this.#rows(filter), filter));
  }

  history(filter: RunFilter = {}): HistoryRun[] {
    return this.sql.read('history of runs', () => {
      const rows = this.#rows(filter);
      const placeOf = placesInTime(
        this.sql,
        rows.map(({ id }) => id),
      );
      const summaries = this.#summariesOf(rows, { ...filter, prompts: false });
      return rows.map((row, i) => ({ ...(summaries[i] as RunSummary), ...placeOf(row) }));
    });
  }

  baselines(): Baseline[] {
    return this.sql.read('baselines', () => readBaselines(this.sql, (id) => this.history({ id })));
  }

  run(id: string, bounds?: DetailBounds): RunDetail | null {
    return this.sql.read(`run ${id}`, () => {
      const row = this.sql.get<RunRow>(`${RUNS} WHERE runs.id = ?`, id);
      return row ? this.#detail(row, bounds) : null;
    });
  }

  series(run: string, filter: { series?: string; prompt?: string } = {}): StoredSeries[] {
    return this.sql.read(`series of run ${run}`, () => this.#traces(run, filter));
  }

  events(run: string, kind: StoredEvent['kind']): StoredEvent[] {
    const rows = this.sql.read(`events of run ${run}`, () =>
      this.sql.all<Omit<StoredEvent, 'data'> & { json: string }>(
        'SELECT seq, wall, mono, events.kind, json FROM events JOIN journal USING (run, seq) WHERE run = ? AND events.kind = ? ORDER BY seq',
        ...[run, kind],
      ),
    );
    return rows.map(({ json, ...rest }) => ({ ...rest, data: parse<Record<string, unknown>>(json) ?? {} }));
  }

  devices(limit = -1): StoredDevice[] {
    const rows = this.sql.read('list of devices', () =>
      this.sql.all<Omit<StoredDevice, 'facts' | 'newest'> & { json: string | null; newest: string | null }>(
        `SELECT devices.id, title, json, epoch, time AS probed,
           (SELECT count(*) FROM runs WHERE device = devices.id) AS runs,
           (SELECT max(started) FROM runs WHERE device = devices.id) AS lastRun,
           (SELECT id FROM runs WHERE device = devices.id ORDER BY started DESC, id DESC LIMIT 1) AS newest
         FROM devices LEFT JOIN facts ON facts.id = (SELECT max(id) FROM facts WHERE device = devices.id)
         WHERE devices.origin IS NULL ORDER BY devices.id LIMIT ?`,
        limit,
      ),
    );
    return rows.map(({ json, newest, ...rest }) => ({ ...rest, facts: parse<Facts>(json), newest: newest === null ? null : this.#newest(newest) }));
  }

  settings(filter: SettingFilter = {}): StoredSetting[] {
    return this.sql.read('list of settings', () => readSettings(this.sql, filter));
  }

  quality(): StoredQuality[] {
    return this.sql.read('quality of models', () => readQuality(this.sql));
  }

  metrics(): MetricName[] {
    const has = (name: MetricName) => this.sql.get('SELECT 1 FROM standings WHERE metric = ? LIMIT 1', name) !== undefined;
    return this.sql.read('list of metrics', () => METRIC_NAMES.filter(has));
  }

  origins(): StoredOrigin[] {
    return this.sql.read('list of origins', () =>
      this.sql.all<StoredOrigin>(
        `SELECT id, format, title, sha256, file, imported,
           (SELECT count(*) FROM runs WHERE device IN (SELECT id FROM devices WHERE origin = origins.id)) AS runs
         FROM origins ORDER BY id`,
      ),
    );
  }

  bundle(runs: readonly string[], each: (line: BundleLine) => void): void {
    this.sql.read('bundle', () => {
      for (const line of readBundle(this.sql, runs)) each(line);
    });
  }

  copyTo(file: string, runs?: readonly string[]): void {
    copyDatabase(this.sql, file, runs);
  }

  comparisons(filter: ComparisonFilter = {}): StoredComparison[] {
    return this.sql.read('list of comparisons', () => readComparisons(this.sql, filter, (id, metrics) => this.runs({ id, prompts: false, metrics })));
  }

  changedSince(cursor: number): Changes {
    return this.sql.read('changes', () => {
      const rows = this.sql.all<RunRow>(
        `SELECT id, device, status, message, last_seq, revision FROM runs WHERE revision > ? ORDER BY revision LIMIT ${TOLD}`,
        cursor,
      );
      return { cursor: rows.at(-1)?.revision ?? cursor, runs: rows.map((row) => this.#progress(row)) };
    });
  }

  unfinishedNow(): Changes {
    return this.sql.read('unfinished runs', () => {
      const rows = this.sql.all<RunRow>(
        `SELECT id, device, status, message, last_seq FROM runs WHERE status IN ('queued', 'running') ORDER BY started DESC, id DESC LIMIT ${TOLD}`,
      );
      const cursor = this.sql.get<{ newest: number | null }>('SELECT max(revision) AS newest FROM runs')?.newest ?? 0;
      return { cursor, runs: rows.reverse().map((row) => this.#progress(row)) };
    });
  }

  close(): void {
    this.sql.close();
  }

  #rows(filter: RunFilter): RunRow[] {
    const { where, values } = conditions(filter);
    const limit = filter.limit ?? -1; // SQLite: no limit
    return this.sql.all<RunRow>(`${RUNS} ${where} ORDER BY runs.started DESC, runs.id DESC LIMIT ?`, ...values, limit);
  }

  /** Flags and figures of all rows are read at once. */
  #summariesOf(rows: readonly RunRow[], { prompts = true, metrics }: RunFilter): RunSummary[] {
    const flags = flagsOfRuns(
      this.sql,
      rows.map(({ id }) => id),
    );
    const figures = prompts ? null : readFigures(this.sql, rows.filter(isRolled), metrics);
    return rows.map((row) => {
      const { id, device, toolchain, sha256, compiler, flags: given, target, model, suite, threads, status, message, started, ended } = row;
      const build = { sha256, compiler, flags: given, target };
      const origin = row.origin === null ? {} : { origin: row.origin };
      const told = { id, device, toolchain, build, model, suite, threads, status, message, flags: flags.get(id) ?? [], started, ended, ...origin };
      const rolled = figures?.get(id);
      return { ...told, ...(rolled ? { metrics: rolled, prompts: {} } : this.#metrics(row)) };
    });
  }

  /** Traces in the order of the journal, as many of the first as have no more places in time than `points`. */
  #traces(run: string, { series = null, prompt = null }: { series?: string | null; prompt?: string | null }, points = UNBOUNDED.points) {
    const rows = this.sql.all<
      Omit<StoredSeries, 'times' | 'values' | 'warmup'> & { warmup: number; times: number; vals: number; data: Buffer; upto: number }
    >(
      `SELECT * FROM (
         SELECT seq, name AS series, unit, prompt, launch, repetition, warmup, source, scope, times, vals, data, sum(times) OVER (ORDER BY seq) AS upto
         FROM series WHERE run = ? AND (? IS NULL OR name = ?) AND (? IS NULL OR prompt = ?))
       WHERE upto <= ? ORDER BY seq`,
      ...[run, series, series, prompt, prompt, points],
    );
    return rows.map(
      ({ times, vals, data, warmup, upto: _upto, ...rest }): StoredSeries => ({ ...rest, warmup: warmup === 1, ...unpackTrace(data, times, vals) }),
    );
  }

  #newest(id: string): StoredDevice['newest'] {
    const { status } = this.sql.get<{ status: RunStatus }>('SELECT status FROM runs WHERE id = ?', id) as { status: RunStatus };
    return { id, status, flags: flagsOf(this.sql, id) };
  }

  #metrics({ id, revision }: RunRow): Pick<RunSummary, 'metrics' | 'prompts'> {
    const known = this.#summaries.get(id);
    if (known?.revision === revision) return known.made;
    const made = summariseRun(this.sql, id);
    if (this.#summaries.size >= MOST_SUMMARIES) this.#summaries.clear();
    this.#summaries.set(id, { revision, made });
    return made;
  }

  /** Of samples, traces and outputs no more than the bounds, and whether that is all. */
  #detail(row: RunRow, bounds = UNBOUNDED): RunDetail {
    const { samples: most, points, text } = bounds;
    const all = <Row>(text: string, ...values: unknown[]): Row[] => this.sql.all<Row>(text, row.id, ...values);
    const lacks = (rows: readonly unknown[], of: string) =>
      rows.length < (this.sql.get<{ n: number }>(`SELECT count(*) AS n FROM ${of} WHERE run = ?`, row.id)?.n ?? 0);
    const engine = this.sql.get<{ json: string }>("SELECT json FROM events WHERE run = ? AND kind = 'engine' ORDER BY seq DESC LIMIT 1", row.id);
    const events = all<Omit<StoredEvent, 'data'> & { json: string }>(
      `SELECT seq, wall, mono, events.kind, json FROM events JOIN journal USING (run, seq) WHERE run = ? ORDER BY seq DESC LIMIT ${EVENT_TAIL}`,
    );
    const start = this.sql.get<{ json: string }>("SELECT json FROM events WHERE run = ? AND kind = 'start' ORDER BY seq LIMIT 1", row.id);
    const facts = this.sql.get<{ json: string }>('SELECT json FROM facts WHERE id = ?', row.facts);
    const first = this.sql.get<{ mono: number }>('SELECT mono FROM journal WHERE run = ? AND seq > 0 ORDER BY seq LIMIT 1', row.id);
    const samples = all<Omit<StoredSample, 'warmup'> & { warmup: number }>(
      'SELECT seq, metric, value, prompt, launch, repetition, warmup, source, scope FROM samples WHERE run = ? ORDER BY seq LIMIT ?',
      most,
    );
    const outputs = all<StoredOutput & { upto: number }>(
      `SELECT * FROM (SELECT seq, prompt, launch, repetition, hash, text, tokens, sum(length(text)) OVER (ORDER BY seq) AS upto FROM outputs WHERE run = ?)
       WHERE upto <= ? ORDER BY seq`,
      text,
    );
    const series = this.#traces(row.id, {}, points);
    const cut = bounds !== UNBOUNDED && (lacks(samples, 'samples') || lacks(outputs, 'outputs') || lacks(series, 'series'));
    return {
      ...(this.#summariesOf([row], {})[0] as RunSummary),
      suiteVersion: row.suite_version,
      suiteHash: parse<{ suite?: string }>(start?.json)?.suite ?? null,
      cpus: row.cpus,
      emulated: row.emulated === 1,
      journal: row.journal,
      lastSeq: row.last_seq,
      commit: row.commit_id,
      epoch: row.epoch,
      facts: parse<Facts>(facts?.json),
      begun: first?.mono ?? null,
      engine: parse<{ engine: Record<string, unknown> }>(engine?.json)?.engine ?? null,
      evidence: all<Evidence>('SELECT name AS flag, evidence FROM flags WHERE run = ? ORDER BY name, evidence LIMIT ?', most),
      outputs: outputs.map(({ upto: _upto, ...output }) => output),
      windows: all<{ json: string }>("SELECT json FROM events WHERE run = ? AND kind = 'window' ORDER BY seq LIMIT ?", most).map(
        ({ json }) => JSON.parse(json) as Marker, // judged when it was stored
      ),
      events: events.reverse().map(({ json, ...rest }) => ({ ...rest, data: parse<Record<string, unknown>>(json) ?? {} })),
      samples: samples.map((sample) => ({ ...sample, warmup: sample.warmup === 1 })),
      series,
      ...(cut ? { cut } : {}),
    };
  }

  #progress({ id, device, status, message, last_seq }: RunRow): RunProgress {
    const last = this.sql.get<{ json: string }>("SELECT json FROM events WHERE run = ? AND kind = 'phase' ORDER BY seq DESC LIMIT 1", id);
    const phase = parse<{ phase: string; detail?: string; done?: number; total?: number; tokens?: number }>(last?.json);
    const rate = this.sql.get<{ value: number }>("SELECT value FROM samples WHERE run = ? AND metric = 'decode_rate' ORDER BY seq DESC LIMIT 1", id);
    const heard = this.sql.get<{ wall: number }>('SELECT wall FROM journal WHERE run = ? ORDER BY seq DESC LIMIT 1', id);
    return {
      ...{ id, device, status, message, lastSeq: last_seq },
      phase: phase && {
        ...{ phase: phase.phase, detail: phase.detail ?? null, done: phase.done ?? null, total: phase.total ?? null, tokens: phase.tokens ?? null },
      },
      ...{ decodeRate: rate?.value ?? null, heard: heard?.wall ?? null },
    };
  }
}

const UNBOUNDED: DetailBounds = { samples: -1, points: Number.MAX_SAFE_INTEGER, text: Number.MAX_SAFE_INTEGER }; // SQLite: -1 is no limit

/** Its figures are those of what is stored of it. */
function isRolled(row: RunRow): row is RunRow & { setting: number } {
  return row.setting !== null && row.rolled === row.revision;
}

function parse<Value>(json: string | null | undefined): Value | null {
  return json === null || json === undefined ? null : (JSON.parse(json) as Value);
}

const COLUMNS = {
  id: 'runs.id',
  device: 'runs.device',
  toolchain: 'builds.toolchain',
  model: 'model',
  suite: 'suite',
  threads: 'threads',
  status: 'status',
} as const;

/** The WHERE clause of a filter. Values are bound, never written into the text. */
function conditions(filter: RunFilter): { where: string; values: unknown[] } {
  const parts: string[] = [];
  const values: unknown[] = [];
  for (const key of Object.keys(COLUMNS) as (keyof typeof COLUMNS)[]) {
    const wanted = filter[key];
    if (wanted === undefined) continue;
    const several = [wanted].flat();
    parts.push(several.length === 1 ? `${COLUMNS[key]} = ?` : `${COLUMNS[key]} IN (SELECT value FROM json_each(?))`);
    values.push(several.length === 1 ? several[0] : JSON.stringify(several));
  }
  if (filter.before !== undefined) {
    parts.push('runs.started < ?');
    values.push(filter.before);
  }
  if (filter.since !== undefined) {
    parts.push('runs.started >= ?');
    values.push(filter.since);
  }
  const measured = filter.measured ?? (filter.id === undefined ? 'here' : 'anywhere');
  if (measured !== 'anywhere') parts.push(`runs.device ${measured === 'here' ? 'NOT IN' : 'IN'} (SELECT id FROM devices WHERE origin IS NOT NULL)`);
  if (filter.valid !== undefined) {
    const valid = `(status = 'ok' AND NOT EXISTS (SELECT 1 FROM flags WHERE run = runs.id AND name IN (SELECT value FROM json_each(?))))`;
    parts.push(filter.valid ? valid : `NOT ${valid}`);
    values.push(JSON.stringify(INVALID_FLAGS));
  }
  return { where: parts.length > 0 ? `WHERE ${parts.join(' AND ')}` : '', values };
}
