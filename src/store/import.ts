import type { BundleLine, LineOf } from '../core/bundle.ts';
import { FleetError } from '../core/errors.ts';
import type { Imported } from '../core/store.ts';
import { buildKey, deviceKey, factsKey, fleetId, readRun } from './bundle.ts';
import { insertRecord, raiseFlag } from './record.ts';
import { rollUp } from './rollup.ts';
import type { Sql } from './sql.ts';

/** A row that lines refer to: its id here, and its key as this fleet would write it. */
interface Row<Id> {
  id: Id;
  key: string;
}

/** The run that is being read. One that is here already is compared, not stored. */
interface Current {
  id: string;
  here: boolean;
  lines: string[];
}

/** Stores the lines; throws a FleetError, and nothing is stored, where one of them does not fit the others or what is here. Call it in a transaction. */
export function importLines(sql: Sql, lines: Iterable<BundleLine>, file: string): Imported {
  const importing = new Import(sql, file);
  for (const line of lines) importing.take(line);
  return importing.end();
}

class Import {
  readonly #sql: Sql;
  readonly #file: string;
  readonly #now = Date.now();
  readonly #done: Imported = { runs: [], known: [], comparisons: [], baselines: [], origins: [] };
  readonly #devices = new Map<string, Row<string>>();
  readonly #builds = new Map<string, Row<number>>();
  readonly #facts = new Map<string, Row<number>>();
  /** Runs that were read whole. */
  readonly #held = new Set<string>();
  #run: Current | null = null;

  constructor(sql: Sql, file: string) {
    this.#sql = sql;
    this.#file = file;
  }

  take(line: BundleLine): void {
    if (line.line === 'origin') this.#origin(line);
    else if (line.line === 'device') this.#device(line);
    else if (line.line === 'facts') this.#fact(line);
    else if (line.line === 'build') this.#build(line);
    else if (line.line === 'run') this.#begin(line);
    else if (line.line === 'record' || line.line === 'flag') this.#part(line);
    else if (line.line === 'done') this.#close(line);
    else if (line.line === 'rerun') this.#rerun(line);
    else if (line.line === 'comparison') this.#comparison(line);
    else if (line.line === 'baseline') this.#baseline(line);
  }

  end(): Imported {
    if (this.#run) throw this.#refusal(`run ${this.#run.id} is not whole`);
    return this.#done;
  }

  #origin({ id, format, title, sha256 }: LineOf<'origin'>): void {
    this.#sql.run(
      `INSERT INTO origins VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET file = excluded.file, imported = excluded.imported`,
      ...[id, format, title, sha256, this.#file, this.#now],
    );
    this.#done.origins.push(id);
  }

  #device({ key, origin, name, title }: LineOf<'device'>): void {
    if (!this.#done.origins.includes(origin)) throw this.#refusal(`device ${name} is of the origin ${origin}, of which it says nothing`);
    const id = `${name}@${origin}`;
    this.#sql.run(
      'INSERT INTO devices (id, title, origin, name) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET title = coalesce(excluded.title, title)',
      ...[id, title, origin, name],
    );
    const found = this.#sql.get<{ origin: string | null; name: string | null }>('SELECT origin, name FROM devices WHERE id = ?', id);
    if (found?.origin !== origin || found.name !== name) throw this.#refusal(`there is another device called ${id} here`);
    this.#devices.set(key, { id, key: deviceKey({ origin, name }) });
  }

  #fact({ key, device: of, time, epoch, facts }: LineOf<'facts'>): void {
    const device = this.#find(this.#devices, of, 'device');
    const json = JSON.stringify(facts);
    const known = this.#sql.get<{ id: number }>(
      'SELECT id FROM facts WHERE device = ? AND time = ? AND epoch = ? AND json = ?',
      ...[device.id, time, epoch, json],
    );
    const { id } =
      known ??
      (this.#sql.get<{ id: number }>('INSERT INTO facts VALUES (NULL, ?, ?, ?, ?) RETURNING id', device.id, time, epoch, json) as { id: number });
    this.#facts.set(key, { id, key: factsKey({ device: device.key, time, epoch, facts }) });
  }

  #build(line: LineOf<'build'>): void {
    const { key, sha256, toolchain, compiler, target, flags, bytes, code, commit = null } = line;
    const row = this.#sql.get<{ id: number }>(
      `INSERT INTO builds (sha256, toolchain, compiler, target, flags, bytes, code, commit_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET bytes = coalesce(bytes, excluded.bytes), code = coalesce(code, excluded.code),
         commit_id = coalesce(commit_id, excluded.commit_id) RETURNING id`,
      ...[sha256, toolchain, compiler, target, flags, bytes, code, commit],
    );
    this.#builds.set(key, { id: row?.id as number, key: buildKey(line) });
  }

  #begin(line: LineOf<'run'>): void {
    if (this.#run) throw this.#refusal(`run ${this.#run.id} is not closed before run ${line.id}`);
    const device = this.#find(this.#devices, line.device, 'device');
    const build = this.#find(this.#builds, line.build, 'build');
    const facts = line.facts === null ? null : this.#find(this.#facts, line.facts, 'facts');
    const here = this.#sql.get('SELECT 1 FROM runs WHERE id = ?', line.id) !== undefined;
    const same = { ...line, device: device.key, build: build.key, facts: facts?.key ?? null };
    this.#run = { id: line.id, here, lines: here ? [JSON.stringify(same)] : [] };
    if (here) return;
    const { id, model, suite, suite_version, threads, cpus, emulated, journal, started, ended, status, message, last_seq } = line;
    this.#sql.run(
      `INSERT INTO runs (id, device, build, facts, model, suite, suite_version, threads, cpus, emulated, journal, started, ended, status, message, last_seq)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[id, device.id, build.id, facts?.id ?? null, model, suite, suite_version, threads, cpus, emulated ? 1 : 0, journal],
      ...[started, ended, status, message, last_seq],
    );
  }

  #part(line: LineOf<'record'> | LineOf<'flag'>): void {
    const run = this.#run;
    if (!run) throw this.#refusal('a record stands outside of every run');
    if (run.here) run.lines.push(JSON.stringify(line));
    else if (line.line === 'flag') raiseFlag(this.#sql, run.id, line.flag, line.evidence);
    else if (!insertRecord(this.#sql, run.id, line.record)) throw this.#refusal(`run ${run.id} has two records with the number ${line.record.seq}`);
  }

  #close({ run }: LineOf<'done'>): void {
    const current = this.#run;
    if (current?.id !== run) throw this.#refusal(`run ${run} is closed, but not open`);
    this.#run = null;
    this.#held.add(run);
    if (!current.here) {
      rollUp(this.#sql, run);
      this.#done.runs.push(run);
      return;
    }
    const own = [...readRun(this.#sql, run)].map((line) => JSON.stringify(line));
    if (own.length !== current.lines.length || own.some((line, i) => line !== current.lines[i]))
      throw this.#refusal(`run ${run} is here already with another content`);
    this.#done.known.push(run);
  }

  #comparison(line: LineOf<'comparison'>): void {
    const device = this.#find(this.#devices, line.device, 'device');
    const [baseline, candidate] = [line.baseline, line.candidate].map((key) => this.#find(this.#builds, key, 'build').id);
    if (this.#sql.get('SELECT 1 FROM comparisons WHERE id = ?', line.id) !== undefined) return;
    for (const [, , run] of line.launches) this.#mustHold(run, `comparison ${line.id}`);
    const { id, model, suite, suite_version, threads, metrics, seed, epoch, started, ended, status, message } = line;
    this.#sql.run(
      `INSERT INTO comparisons (id, device, baseline, candidate, model, suite, suite_version, threads, metrics, seed, epoch, started, ended, status, message)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[
        id,
        device.id,
        baseline,
        candidate,
        model,
        suite,
        suite_version,
        threads,
        JSON.stringify(metrics),
        seed,
        epoch,
        started,
        ended,
        status,
        message,
      ],
    );
    for (const [pair, side, run] of line.launches)
      if (this.#sql.run('INSERT INTO launches VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING', id, pair, side, run) === 0)
        throw this.#refusal(`comparison ${id} has two launches of pair ${pair}, ${side}`);
    this.#done.comparisons.push(id);
  }

  #rerun({ run, metric }: LineOf<'rerun'>): void {
    this.#mustHold(run, 'the rerun of a change');
    this.#sql.run('INSERT INTO reruns VALUES (?, ?) ON CONFLICT DO NOTHING', run, metric);
  }

  /** Where this fleet made it itself it has its own name, and one of that name that is here stays: it is newer. Else the newer one counts. */
  #baseline({ origin, name, made, runs }: LineOf<'baseline'>): void {
    if (!this.#done.origins.includes(origin)) throw this.#refusal(`baseline ${name} is of the origin ${origin}, of which it says nothing`);
    for (const run of runs) this.#mustHold(run, `baseline ${name}`);
    const own = origin === fleetId(this.#sql);
    const id = own ? name : `${name}@${origin}`;
    const here = this.#sql.get<{ made: number }>('SELECT made FROM baselines WHERE name = ?', id);
    if (here && (own || here.made >= made)) return;
    this.#sql.run('DELETE FROM baselines WHERE name = ?', id);
    this.#sql.run('INSERT INTO baselines VALUES (?, ?, ?, ?)', id, made, own ? null : origin, own ? null : name);
    for (const run of new Set(runs)) this.#sql.run('INSERT INTO baseline_runs VALUES (?, ?)', id, run);
    this.#done.baselines.push(id);
  }

  #mustHold(run: string, what: string): void {
    if (!this.#held.has(run)) throw this.#refusal(`${what} has run ${run}, which is not in it`);
  }

  #find<Id>(rows: Map<string, Row<Id>>, key: string, kind: string): Row<Id> {
    const row = rows.get(key);
    if (!row) throw this.#refusal(`a line refers to a ${kind} that is not in it`);
    return row;
  }

  #refusal(what: string): FleetError {
    return new FleetError(`${this.#file} was not imported: ${what}. Nothing of it was stored; ask whoever made it for a new one.`);
  }
}
