import { createHash } from 'node:crypto';
import { BUNDLE_VERSION, type BundleLine, bundleLine, faultOf, type LineOf } from '../core/bundle.ts';
import { FleetError } from '../core/errors.ts';
import type { RunRow } from './run_row.ts';
import type { Sql } from './sql.ts';
import { unpackTrace } from './trace.ts';

/** A name for what a row says, the same in every fleet that has it: 16 hexadecimal digits. */
function contentKey(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

type Unkeyed<Name extends BundleLine['line']> = Omit<LineOf<Name>, 'line' | 'key'>;

export const deviceKey = ({ origin, name }: Pick<LineOf<'device'>, 'origin' | 'name'>): string => contentKey(origin, name);
export const factsKey = ({ device, time, epoch, facts }: Unkeyed<'facts'>): string => contentKey(device, time, epoch, facts);
export const buildKey = ({
  sha256,
  toolchain,
  compiler,
  target,
  flags,
}: Pick<Unkeyed<'build'>, 'sha256' | 'toolchain' | 'compiler' | 'target' | 'flags'>) => contentKey(sha256, toolchain, compiler, target, flags);

/** The name by which other fleets know this one. */
export function fleetId(sql: Sql): string {
  return sql.get<{ id: string }>('SELECT id FROM fleet')?.id as string;
}

/**
 * The lines of these runs but for the closing ones of the runs and of the file, one after the other, in the same order in every fleet.
 * Comparisons and baselines come along whose runs are all among them. Runs that are under way are left out. Call it in a transaction that reads.
 */
export function* readBundle(sql: Sql, runs: readonly string[]): Generator<BundleLine> {
  const wanted: Wanted = { wanted: JSON.stringify(runs) };
  const home = fleetId(sql);
  const among = `SELECT id FROM runs WHERE status NOT IN ('queued', 'running') AND id IN (SELECT value FROM json_each(@wanted))`;
  yield { line: 'bundle', version: BUNDLE_VERSION };
  const used = sql.all<{ origin: string | null }>(
    `SELECT DISTINCT origin FROM devices WHERE id IN (SELECT device FROM runs WHERE id IN (${among})) ORDER BY origin`,
    wanted,
  );
  const baselines = baselinesOf(sql, among, wanted, home);
  const origins = [...new Set([...used.map(({ origin }) => origin ?? home), ...baselines.map(({ origin }) => origin)])].sort();
  for (const id of origins) yield line({ line: 'origin', ...originOf(sql, id) });
  for (const [kind, rows] of [
    ['device', devicesOf(sql, among, wanted, home)],
    ['facts', factsOf(sql, among, wanted, home)],
    ['build', buildsOf(sql, among, wanted)],
  ] as const) {
    const lines = [...rows].map((row) => line({ line: kind, ...row }));
    yield* lines.sort((a, b) => ('key' in a && 'key' in b && a.key < b.key ? -1 : 1));
  }
  for (const { id } of sql.all<{ id: string }>(`${among} ORDER BY started, id`, wanted)) yield* readRun(sql, id);
  for (const rerun of sql.all<object>(`SELECT run, metric FROM reruns WHERE run IN (${among}) ORDER BY run, metric`, wanted))
    yield line({ line: 'rerun', ...rerun });
  yield* comparisonsOf(sql, among, wanted, home);
  for (const baseline of baselines) yield line({ line: 'baseline', ...baseline });
}

/** One run with its records and flags. */
export function* readRun(sql: Sql, id: string): Generator<BundleLine> {
  const home = fleetId(sql);
  const row = sql.get<RunColumns>(
    `SELECT runs.*, origin, coalesce(name, devices.id) AS name, sha256, toolchain, compiler, target, flags
     FROM runs JOIN devices ON devices.id = runs.device JOIN builds ON builds.id = runs.build WHERE runs.id = ?`,
    id,
  ) as RunColumns;
  const device = deviceKey({ origin: row.origin ?? home, name: row.name });
  const facts = row.facts === null ? null : sql.get<FactsColumns>('SELECT time, epoch, json FROM facts WHERE id = ?', row.facts);
  const { model, suite, suite_version, threads, cpus, journal, started, ended, status, message, last_seq } = row;
  const refs = { device, build: buildKey(row), facts: facts ? factsKey(told(facts, device)) : null };
  yield line({
    ...{ line: 'run', id, ...refs, model, suite, suite_version, threads, cpus, emulated: row.emulated === 1, journal, started, ended },
    ...{ status, message, last_seq },
  });
  for (const { seq, kind, wall, mono } of sql.all<{ seq: number; kind: string; wall: number; mono: number }>(
    'SELECT seq, kind, wall, mono FROM journal WHERE run = ? ORDER BY seq',
    id,
  ))
    yield line({ line: 'record', record: { seq, wall, mono, kind, ...bodyOf(sql, id, seq, kind) } }, id);
  for (const flag of sql.all<object>('SELECT name AS flag, evidence FROM flags WHERE run = ? ORDER BY name, evidence', id))
    yield line({ line: 'flag', ...flag }, id);
}

/** Parameter of the queries: the ids as a JSON array. */
interface Wanted {
  wanted: string;
}

type RunColumns = Omit<RunRow, 'code' | 'commit_id' | 'epoch'> & { name: string };

interface FactsColumns {
  time: number;
  epoch: string;
  json: string;
}

function told({ time, epoch, json }: FactsColumns, device: string): Unkeyed<'facts'> {
  const { facts } = line({ line: 'facts', key: '0'.repeat(16), device, time, epoch, facts: JSON.parse(json) }) as LineOf<'facts'>;
  return { device, time, epoch, facts };
}

/** What a record says beside its number, kind and clocks. */
function bodyOf(sql: Sql, run: string, seq: number, kind: string): object {
  if (kind === 'sample') {
    const columns = 'metric, value, prompt, launch, repetition, warmup, source, scope';
    const { warmup, ...rest } = sql.get<Dated>(`SELECT ${columns} FROM samples WHERE run = ? AND seq = ?`, run, seq) as Dated;
    return present({ ...rest, warmup: warmup === 1 });
  }
  if (kind === 'series') {
    const columns = 'name AS series, unit, prompt, launch, repetition, warmup, times, vals, data, source, scope';
    const row = sql.get<Dated & { times: number; vals: number; data: Buffer }>(`SELECT ${columns} FROM series WHERE run = ? AND seq = ?`, run, seq);
    const { warmup, times, vals, data, ...rest } = row as Dated & { times: number; vals: number; data: Buffer };
    return present({ ...rest, warmup: warmup === 1, ...unpackTrace(data, times, vals) });
  }
  if (kind === 'output')
    return sql.get<object>('SELECT prompt, launch, repetition, hash, text, tokens FROM outputs WHERE run = ? AND seq = ?', run, seq) as object;
  const { json } = sql.get<{ json: string }>('SELECT json FROM events WHERE run = ? AND seq = ?', run, seq) as { json: string };
  return JSON.parse(json) as object;
}

interface Dated {
  warmup: number;
  source: string | null;
  scope: string | null;
}

/** A record leaves out where it has no source; the table says null. */
function present<Body extends { source: string | null; scope: string | null }>({ source, scope, ...rest }: Body): object {
  return { ...rest, ...(source === null ? {} : { source }), ...(scope === null ? {} : { scope }) };
}

function originOf(sql: Sql, id: string): object {
  const row = sql.get<object>('SELECT id, format, title, sha256 FROM origins WHERE id = ?', id);
  return row ?? { id, format: 'fleet', title: null, sha256: null };
}

const DEVICES = 'SELECT id, title, origin, coalesce(name, id) AS name FROM devices';

function* devicesOf(sql: Sql, among: string, wanted: Wanted, home: string): Generator<object> {
  const rows = sql.all<{ id: string; title: string | null; origin: string | null; name: string }>(
    `${DEVICES} WHERE id IN (SELECT device FROM runs WHERE id IN (${among}))`,
    wanted,
  );
  for (const { title, origin, name } of rows) {
    const at = { origin: origin ?? home, name };
    yield { key: deviceKey(at), ...at, title };
  }
}

function* factsOf(sql: Sql, among: string, wanted: Wanted, home: string): Generator<object> {
  const rows = sql.all<FactsColumns & { origin: string | null; name: string }>(
    `SELECT time, epoch, json, origin, coalesce(name, devices.id) AS name FROM facts JOIN devices ON devices.id = facts.device
     WHERE facts.id IN (SELECT facts FROM runs WHERE id IN (${among}))`,
    wanted,
  );
  const known = new Set<string>();
  for (const { origin, name, ...rest } of rows) {
    const facts = told(rest, deviceKey({ origin: origin ?? home, name }));
    const key = factsKey(facts);
    if (known.has(key)) continue;
    known.add(key);
    yield { key, ...facts };
  }
}

function* buildsOf(sql: Sql, among: string, wanted: Wanted): Generator<object> {
  const columns = 'sha256, toolchain, compiler, target, flags, bytes, code, commit_id';
  const rows = sql.all<Omit<Unkeyed<'build'>, 'commit'> & { commit_id: string | null }>(
    `SELECT ${columns} FROM builds WHERE id IN (SELECT build FROM runs WHERE id IN (${among}))`,
    wanted,
  );
  for (const { commit_id, ...build } of rows) yield { key: buildKey(build), ...build, ...(commit_id === null ? {} : { commit: commit_id }) };
}

const COMPARISON = [
  'id',
  'baseline',
  'candidate',
  'model',
  'suite',
  'suite_version',
  'threads',
  'metrics',
  'seed',
  'epoch',
  'started',
  'ended',
  'status',
  'message',
]
  .map((column) => `comparisons.${column}`)
  .join(', ');

/** Comparisons that are over and all of whose launches are among the runs; both builds then are those of runs. */
function* comparisonsOf(sql: Sql, among: string, wanted: Wanted, home: string): Generator<BundleLine> {
  const rows = sql.all<
    Record<string, unknown> & { id: string; metrics: string; origin: string | null; name: string; baseline: number; candidate: number }
  >(
    `SELECT ${COMPARISON}, origin, coalesce(name, devices.id) AS name FROM comparisons JOIN devices ON devices.id = comparisons.device
     WHERE status <> 'running' AND EXISTS (SELECT 1 FROM launches WHERE comparison = comparisons.id)
       AND NOT EXISTS (SELECT 1 FROM launches WHERE comparison = comparisons.id AND run NOT IN (${among}))
       AND baseline IN (SELECT build FROM runs WHERE id IN (${among})) AND candidate IN (SELECT build FROM runs WHERE id IN (${among}))
     ORDER BY started, comparisons.id`,
    wanted,
  );
  for (const { origin, name, baseline, candidate, metrics, ...rest } of rows) {
    const launches = sql.all<{ pair: number; side: string; run: string }>(
      'SELECT pair, side, run FROM launches WHERE comparison = ? ORDER BY pair, side',
      rest.id,
    );
    const columns = 'sha256, toolchain, compiler, target, flags';
    const build = (id: number) => buildKey(sql.get<Unkeyed<'build'>>(`SELECT ${columns} FROM builds WHERE id = ?`, id) as Unkeyed<'build'>);
    yield line({
      ...{ line: 'comparison', ...rest, device: deviceKey({ origin: origin ?? home, name }), metrics: JSON.parse(metrics) },
      ...{ baseline: build(baseline), candidate: build(candidate), launches: launches.map(({ pair, side, run }) => [pair, side, run]) },
    });
  }
}

/** Baselines all of whose runs are among them; of one without runs there is nothing to tell. */
function baselinesOf(sql: Sql, among: string, wanted: Wanted, home: string) {
  const rows = sql.all<{ id: string; origin: string | null; name: string; made: number }>(
    `SELECT name AS id, origin, coalesce(title, name) AS name, made FROM baselines
     WHERE EXISTS (SELECT 1 FROM baseline_runs WHERE baseline = baselines.name)
       AND NOT EXISTS (SELECT 1 FROM baseline_runs WHERE baseline = baselines.name AND run NOT IN (${among}))`,
    wanted,
  );
  const told = rows.map(({ id, origin, name, made }) => {
    const runs = sql.all<{ run: string }>('SELECT run FROM baseline_runs WHERE baseline = ? ORDER BY run', id).map(({ run }) => run);
    return { origin: origin ?? home, name, made, runs };
  });
  return told.sort((a, b) => (a.origin + a.name < b.origin + b.name ? -1 : 1));
}

/** Checked as whoever imports it will check it. */
function line(value: object, run?: string): BundleLine {
  try {
    return bundleLine(value);
  } catch (error) {
    const what = run ? `Run ${run} holds` : 'The database holds';
    throw new FleetError(`${what} a row that no bundle can take (${faultOf(error)}): leave it out with --since or --device.`, { cause: error });
  }
}
