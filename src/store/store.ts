import { createHash } from 'node:crypto';
import type { Build, Target } from '../core/build.ts';
import type { BundleLine } from '../core/bundle.ts';
import type { NewComparison, Side, StoredComparison } from '../core/comparison.ts';
import type { Device } from '../core/device.ts';
import { epochText } from '../core/epoch.ts';
import { FleetError } from '../core/errors.ts';
import type { Facts } from '../core/facts.ts';
import type { FlagName } from '../core/flags.ts';
import type { JournalEntry, JournalRecord } from '../core/journal.ts';
import type { MetricName } from '../core/metric.ts';
import type { NewRun, RunStatus } from '../core/run.ts';
import type { Imported, Store, UnfinishedRun } from '../core/store.ts';
import { insertComparison } from './comparisons.ts';
import { importLines } from './import.ts';
import { Query } from './query.ts';
import { insertRecord, raiseFlag } from './record.ts';
import { rollUp, rollUpMissing } from './rollup.ts';
import type { RunRow } from './run_row.ts';
import { Sql } from './sql.ts';

/** Opens the database (made where it does not exist, unless readonly) and brings its schema up to date. Throws FleetError with a sentence. */
export function openStore(path: string, options: { readonly?: boolean } = {}): Store {
  const sql = new Sql(path, options);
  if (!options.readonly) rollUpMissing(sql);
  return new FileStore(sql);
}

/** States that only a controller's `finish` may change again. */
const ENDED: readonly RunStatus[] = ['ok', 'failed', 'cancelled'];

/** The writing half: every public method is one short transaction. */
class FileStore extends Query implements Store {
  createRun(run: NewRun): void {
    this.sql.write(`run ${run.id}`, () => {
      this.#device(run.device, undefined);
      const facts = run.facts ? this.#facts(run.device, run.facts, run.started).id : null;
      const build = this.#build({ ...run.build, toolchain: run.toolchain, bytes: null, code: null });
      this.sql.run(
        `INSERT INTO runs (id, device, build, facts, model, suite, suite_version, threads, cpus, emulated, journal, started, status)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued')`,
        ...[run.id, run.device, build, facts, run.model, run.suite, run.suiteVersion, run.threads],
        ...[run.cpus, run.emulated ? 1 : 0, run.journal, run.started],
      );
      const emulator = run.facts?.emulator;
      if (run.emulated)
        raiseFlag(this.sql, run.id, 'emulated', emulator ? `its processor is played by ${emulator}` : 'the device is declared emulated');
      this.#touch(run.id);
    });
  }

  append(run: string, record: JournalRecord): boolean {
    return this.appendMany(run, [record]) === 1;
  }

  appendMany(run: string, records: readonly JournalRecord[]): number {
    return this.sql.write(`run ${run}`, () => {
      this.#status(run);
      const added = records.filter((record) => insertRecord(this.sql, run, record));
      if (added.length === 0) return 0;
      for (const record of added) this.#follow(run, record);
      this.#advance(run);
      this.#touch(run);
      return added.length;
    });
  }

  annotate(run: string, entries: readonly JournalEntry[]): void {
    this.sql.write(`run ${run}`, () => {
      this.#status(run);
      let seq = Math.min(0, this.sql.get<{ first: number | null }>('SELECT min(seq) AS first FROM journal WHERE run = ?', run)?.first ?? 0);
      const clocks = { wall: Date.now(), mono: Number(process.hrtime.bigint()) / 1e9 };
      for (const entry of entries) insertRecord(this.sql, run, { seq: --seq, ...clocks, ...entry } as JournalRecord);
      this.#touch(run);
    });
  }

  lastSeq(run: string): number {
    return this.sql.read(`run ${run}`, () => this.sql.get<{ last_seq: number }>('SELECT last_seq FROM runs WHERE id = ?', run)?.last_seq ?? 0);
  }

  finish(run: string, status: Exclude<RunStatus, 'queued' | 'running'>, message: string | null, flags: readonly FlagName[] = []): boolean {
    return this.sql.write(`run ${run}`, () => {
      if (status === 'interrupted' && ENDED.includes(this.#status(run))) return false;
      this.#status(run);
      this.sql.run('UPDATE runs SET status = ?, message = ?, ended = coalesce(ended, ?) WHERE id = ?', status, message, Date.now(), run);
      for (const flag of flags) raiseFlag(this.sql, run, flag, message ?? status);
      this.#touch(run);
      return true;
    });
  }

  addFlag(run: string, flag: FlagName, evidence: string): void {
    this.sql.write(`run ${run}`, () => {
      this.#status(run);
      raiseFlag(this.sql, run, flag, evidence);
      this.#touch(run);
    });
  }

  saveFacts(device: Pick<Device, 'id' | 'title'>, facts: Facts): string {
    return this.sql.write(`device ${device.id}`, () => {
      this.#device(device.id, device.title);
      return this.#facts(device.id, facts, Date.now()).epoch;
    });
  }

  saveBuild(build: Build): void {
    this.sql.write(`build ${build.sha256.slice(0, 12)}`, () => void this.#build(build));
  }

  createComparison(comparison: NewComparison): void {
    this.sql.write(`comparison ${comparison.id}`, () => {
      this.#device(comparison.device, undefined);
      const [baseline, candidate] = [comparison.baseline, comparison.candidate].map((build) =>
        this.#build({ ...build, target: build.target as Target, bytes: null }),
      ) as [number, number];
      insertComparison(this.sql, comparison, baseline, candidate);
    });
  }

  addLaunch(comparison: string, pair: number, side: Side, run: string): void {
    this.sql.write(`comparison ${comparison}`, () => void this.sql.run('INSERT INTO launches VALUES (?, ?, ?, ?)', comparison, pair, side, run));
  }

  endComparison(comparison: string, status: Exclude<StoredComparison['status'], 'running'>, message: string | null): void {
    this.sql.write(
      `comparison ${comparison}`,
      () => void this.sql.run('UPDATE comparisons SET status = ?, message = ?, ended = ? WHERE id = ?', status, message, Date.now(), comparison),
    );
  }

  setBaseline(name: string, runs: readonly string[]): boolean {
    return this.sql.write(`baseline ${name}`, () => {
      const replaced = this.sql.run('DELETE FROM baselines WHERE name = ?', name) === 1;
      this.sql.run('INSERT INTO baselines (name, made) VALUES (?, ?)', name, Date.now());
      for (const run of new Set(runs)) this.sql.run('INSERT INTO baseline_runs VALUES (?, ?)', name, run);
      return replaced;
    });
  }

  removeBaseline(name: string): boolean {
    return this.sql.write(`baseline ${name}`, () => this.sql.run('DELETE FROM baselines WHERE name = ?', name) === 1);
  }

  addRerun(run: string, metric: MetricName): void {
    this.sql.write(`run ${run}`, () => void this.sql.run('INSERT INTO reruns VALUES (?, ?) ON CONFLICT DO NOTHING', run, metric));
  }

  importLines(lines: Iterable<BundleLine>, file: string): Imported {
    return this.sql.write(`import of ${file}`, () => importLines(this.sql, lines, file));
  }

  unfinished(): UnfinishedRun[] {
    const rows = this.sql.read('unfinished runs', () =>
      this.sql.all<RunRow & { status: 'queued' | 'running'; facts_json: string | null }>(
        `SELECT runs.*, toolchain, sha256, compiler, flags, target, json AS facts_json
         FROM runs JOIN builds ON builds.id = runs.build LEFT JOIN facts ON facts.id = runs.facts
         WHERE status IN ('queued', 'running') ORDER BY started, runs.id`,
      ),
    );
    return rows.map((row) => ({
      ...{ id: row.id, device: row.device, toolchain: row.toolchain, model: row.model, suite: row.suite, suiteVersion: row.suite_version },
      build: { sha256: row.sha256, compiler: row.compiler, flags: row.flags, target: row.target as Target },
      ...{ threads: row.threads, cpus: row.cpus, emulated: row.emulated === 1, journal: row.journal, started: row.started },
      facts: row.facts_json === null ? null : (JSON.parse(row.facts_json) as Facts),
      ...{ status: row.status, lastSeq: row.last_seq },
    }));
  }

  /** The run's status; a run that does not exist is an error. */
  #status(run: string): RunStatus {
    const row = this.sql.get<{ status: RunStatus }>('SELECT status FROM runs WHERE id = ?', run);
    if (!row) throw new FleetError(`There is no run ${run} in ${this.path}: see \`fleet runs\`.`);
    return row.status;
  }

  /** A record moves its run: `end` ends it, any other shows that it runs. What the controller has ended stays ended. */
  #follow(run: string, record: JournalRecord): void {
    if (ENDED.includes(this.#status(run))) return;
    if (record.kind !== 'end') {
      this.sql.run("UPDATE runs SET status = 'running', message = NULL, ended = NULL WHERE id = ? AND status <> 'running'", run);
      return;
    }
    const row = this.sql.get<{ started: number; json: string | null }>(
      'SELECT started, json FROM runs LEFT JOIN facts ON facts.id = runs.facts WHERE runs.id = ?',
      run,
    );
    const started = row?.started ?? 0;
    const offset = row?.json ? ((JSON.parse(row.json) as Facts).clock_offset ?? 0) : 0;
    // the device's clock may be anything: the end lies between the start and now
    const ended = Math.max(started, Math.min(Date.now(), record.wall - 1000 * offset));
    this.sql.run('UPDATE runs SET status = ?, message = ?, ended = ? WHERE id = ?', record.status, record.message, ended, run);
  }

  /** Moves last_seq on over what is stored without a gap. */
  #advance(run: string): void {
    let last = this.lastSeq(run);
    while (this.sql.get('SELECT 1 FROM journal WHERE run = ? AND seq = ?', run, last + 1)) last++;
    this.sql.run('UPDATE runs SET last_seq = ? WHERE id = ?', last, run);
  }

  #touch(run: string): void {
    this.sql.run('UPDATE runs SET revision = (SELECT max(revision) + 1 FROM runs) WHERE id = ?', run);
    rollUp(this.sql, run);
  }

  #device(id: string, title: string | undefined): void {
    this.sql.run(
      'INSERT INTO devices (id, title) VALUES (?, ?) ON CONFLICT DO UPDATE SET title = coalesce(excluded.title, title)',
      id,
      title ?? null,
    );
  }

  /** The row of these facts: the device's last one where nothing differs, else a new one. */
  #facts(device: string, facts: Facts, time: number): { id: number; epoch: string } {
    const json = JSON.stringify(facts);
    const last = this.sql.get<{ id: number; epoch: string; json: string }>(
      'SELECT id, epoch, json FROM facts WHERE device = ? ORDER BY id DESC LIMIT 1',
      device,
    );
    if (last?.json === json) return last;
    const epoch = createHash('sha256').update(epochText(facts)).digest('hex').slice(0, 16);
    const made = this.sql.get<{ id: number }>('INSERT INTO facts VALUES (NULL, ?, ?, ?, ?) RETURNING id', device, time, epoch, json);
    return { id: made?.id as number, epoch };
  }

  #build(build: Omit<Build, 'id' | 'path' | 'bytes' | 'target'> & { target: string; bytes: number | null }): number {
    const { sha256, toolchain, compiler, target, flags, bytes, code, commit = null } = build;
    // of several commits that give one binary the first counts, but for one that was changed
    const row = this.sql.get<{ id: number }>(
      `INSERT INTO builds VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET bytes = coalesce(excluded.bytes, bytes), code = coalesce(excluded.code, code),
         commit_id = CASE WHEN commit_id NOT LIKE '%+' THEN commit_id ELSE coalesce(excluded.commit_id, commit_id) END RETURNING id`,
      ...[sha256, toolchain, compiler, target, flags, bytes, code, commit],
    );
    return row?.id as number;
  }
}
