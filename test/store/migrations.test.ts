import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { APPLICATION_ID, MIGRATIONS } from '../../src/store/schema.ts';
import { openStore } from '../../src/store/store.ts';
import { packTrace } from '../../src/store/trace.ts';
import { databasePath } from '../support/database.ts';
import { FACTS, newRun, sample } from '../support/runs.ts';

/** A database as a fleet of schema version 1 left it, with a row in every table. */
function version1(path: string): void {
  const db = new Database(path);
  db.pragma(`application_id = ${APPLICATION_ID}`);
  db.exec(MIGRATIONS[0] as string);
  db.pragma('user_version = 1');
  db.pragma('foreign_keys = ON');
  db.exec(`
    INSERT INTO devices VALUES ('pi', 'Pi on the shelf');
    INSERT INTO builds VALUES (1, 'abc', 'gcc-12', 'gcc 12.2.0', 'aarch64-linux', '-O3', 4096);
    INSERT INTO runs VALUES ('old', 'pi', 1, NULL, 'tiny', 'smoke', 1, 2, '0-1', 0, '/j', 100, 200, 'ok', NULL, 6);
    INSERT INTO runs VALUES ('open', 'pi', 1, NULL, 'tiny', 'smoke', 1, 2, NULL, 0, '/k', 300, NULL, 'running', NULL, 1);
    INSERT INTO journal VALUES ('old', 1, 'engine', 1, 2), ('old', 2, 'sample', 1, 2), ('old', 3, 'series', 1, 2), ('old', 4, 'output', 1, 2),
      ('old', 5, 'flag', 1, 2), ('old', 6, 'end', 1, 2), ('open', 1, 'sample', 1, 2);
    INSERT INTO samples VALUES ('old', 2, 'decode_rate', 17.25, 'a', 0, 0, 0), ('open', 1, 'decode_rate', 3, 'a', 0, 0, 0);
    INSERT INTO outputs VALUES ('old', 4, 'a', 0, 0, 'cafe', 'Once upon', 2);
    INSERT INTO events VALUES ('old', 1, 'engine', '{"engine":{"isa":"neon"}}'), ('old', 6, 'end', '{"status":"ok","message":null}');
    INSERT INTO flags VALUES ('old', 'clock-skew', '2 s');`);
  db.prepare('INSERT INTO facts VALUES (1, ?, 50, ?, ?)').run('pi', 'feed', JSON.stringify(FACTS));
  db.prepare("UPDATE runs SET facts = 1 WHERE id = 'old'").run();
  db.prepare("INSERT INTO series VALUES ('old', 3, 'token_times', 's', 'a', 0, 0, 0, 3, 0, ?)").run(packTrace([1, 1.25, 1.75], []));
  db.close();
}

/** Every row of every table, with the columns of version 1. */
function rows(path: string, columns: Map<string, string[]>): Record<string, unknown[]> {
  const db = new Database(path, { readonly: true });
  const all = [...columns].map(([table, names]) => [table, db.prepare(`SELECT ${names.join(', ')} FROM ${table} ORDER BY 1, 2`).all()]);
  db.close();
  return Object.fromEntries(all);
}

function columnsOf(path: string): Map<string, string[]> {
  const db = new Database(path, { readonly: true });
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[];
  const columns = new Map(tables.map((table) => [table, db.prepare('SELECT name FROM pragma_table_info(?)').pluck().all(table) as string[]]));
  db.close();
  return columns;
}

test('a database of version 1 is brought up to date and loses nothing', (t) => {
  const path = databasePath(t);
  version1(path);
  const columns = columnsOf(path);
  assert.equal(columns.size, 10);
  const before = rows(path, columns);
  for (const [table, found] of Object.entries(before)) assert.ok(found.length > 0, `${table} has a row to lose`);
  const store = openStore(path);
  assert.deepEqual(rows(path, columns), before);

  const run = store.run('old');
  assert.equal(run?.metrics.decode_rate?.median, 17.25);
  assert.deepEqual(run?.metrics.inter_token_latency?.max, 0.5);
  assert.deepEqual([run?.flags, run?.engine, run?.epoch, run?.outputs[0]?.text], [['clock-skew'], { isa: 'neon' }, 'feed', 'Once upon']);
  assert.deepEqual(
    store.unfinished().map(({ id, lastSeq }) => [id, lastSeq]),
    [['open', 1]],
  );
  // what version 2 added works on old rows, too
  const { cursor, runs } = store.changedSince(0);
  assert.deepEqual(
    runs.map(({ id }) => id),
    ['old', 'open'],
  );
  assert.equal(store.append('open', sample(1, 'decode_rate', 3)), false);
  assert.equal(store.append('open', sample(2, 'decode_rate', 4)), true);
  assert.deepEqual(
    store.changedSince(cursor).runs.map(({ id }) => id),
    ['open'],
  );
  store.close();
});

test('from every version the same schema is reached', (t) => {
  const schema = (path: string) => {
    const db = new Database(path, { readonly: true });
    const found = db.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY name').all();
    assert.equal(db.pragma('user_version', { simple: true }), MIGRATIONS.length);
    db.close();
    return found;
  };
  const fresh = databasePath(t);
  openStore(fresh).close();
  for (let version = 1; version < MIGRATIONS.length; version++) {
    const path = databasePath(t);
    const db = new Database(path);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    for (const migration of MIGRATIONS.slice(0, version)) db.exec(migration);
    db.pragma(`user_version = ${version}`);
    db.close();
    openStore(path).close();
    assert.deepEqual(schema(path), schema(fresh), `from version ${version}`);
  }
});

test('a migration that fails leaves the database as it was', (t) => {
  const path = databasePath(t);
  version1(path);
  const db = new Database(path);
  db.exec('CREATE TABLE blocker (x); CREATE INDEX runs_unfinished ON blocker(x)'); // the last index of version 2 is taken
  db.close();
  assert.throws(() => openStore(path), /fleet\.db/);
  const after = new Database(path, { readonly: true });
  assert.equal(after.pragma('user_version', { simple: true }), 1);
  assert.ok(!columnsOf(path).get('runs')?.includes('revision'));
  after.close();
});

test('a database of a newer program is refused with a sentence and not touched', (t) => {
  const path = databasePath(t);
  const store = openStore(path);
  store.createRun(newRun());
  store.close();
  const db = new Database(path);
  db.pragma(`user_version = ${MIGRATIONS.length + 1}`);
  db.close();
  assert.throws(() => openStore(path), {
    name: 'FleetError',
    message: new RegExp(
      `fleet\\.db was written by a newer fleet \\(schema ${MIGRATIONS.length + 1}, this one knows ${MIGRATIONS.length}\\): update fleet, or name another file with --db\\.$`,
    ),
  });
  assert.throws(() => openStore(path, { readonly: true }), /newer fleet/);
});

test('an old database cannot be brought up to date while reading only, and says so', (t) => {
  const path = databasePath(t);
  version1(path);
  assert.throws(() => openStore(path, { readonly: true }), new RegExp(`older schema \\(1 of ${MIGRATIONS.length}\\).*open it once for writing`));
});

test('a database of another program is left alone', (t) => {
  const path = databasePath(t);
  const db = new Database(path);
  db.exec('CREATE TABLE runs (id)');
  db.close();
  assert.throws(() => openStore(path), /is a database of another program: fleet leaves it alone/);
  assert.deepEqual([...columnsOf(path)], [['runs', ['id']]]);
});
