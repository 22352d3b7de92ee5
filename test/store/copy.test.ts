import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { openStore } from '../../src/store/store.ts';
import { afterwards } from '../support/afterwards.ts';
import { databasePath } from '../support/database.ts';
import { fillDemo } from '../support/demo-store.ts';
import { newRun } from '../support/runs.ts';

test('a copy is one whole database file, made while another process writes', (t) => {
  const path = databasePath(t);
  const store = openStore(path);
  afterwards(t, () => store.close());
  fillDemo(store);
  const reader = openStore(path, { readonly: true });
  afterwards(t, () => reader.close());
  const file = join(dirname(path), "a 'copy'.db");
  reader.copyTo(file);
  store.createRun(newRun({ id: 'later' }));
  assert.deepEqual(
    readdirSync(dirname(path)).filter((name) => name.startsWith('a ')),
    ["a 'copy'.db"],
    'no file stands beside it',
  );
  const db = new Database(file, { readonly: true });
  assert.deepEqual(db.pragma('integrity_check', { simple: true }), 'ok');
  db.close();
  const copy = openStore(file, { readonly: true });
  assert.deepEqual(
    copy.runs(),
    store.runs().filter(({ id }) => id !== 'later'),
  );
  for (const { id } of copy.runs({ limit: 5 })) assert.deepEqual(copy.run(id), store.run(id));
  copy.close();
  assert.throws(() => reader.copyTo(file), { name: 'FleetError', message: /exists already/ });
});

test('a copy of some runs has them whole and nothing of the others', (t) => {
  const path = databasePath(t);
  const store = openStore(path);
  afterwards(t, () => store.close());
  fillDemo(store);
  const kept = store.runs({ device: 'rpi5' }).map(({ id }) => id);
  const file = join(dirname(path), 'rpi5.db');
  store.copyTo(file, kept);
  assert.deepEqual(
    readdirSync(dirname(path)).filter((name) => name.startsWith('rpi5')),
    ['rpi5.db'],
  );
  const copy = openStore(file, { readonly: true });
  assert.deepEqual(copy.runs({}), store.runs({ device: 'rpi5' }));
  for (const id of kept) assert.deepEqual(copy.run(id), store.run(id));
  copy.close();
  const db = new Database(file, { readonly: true });
  assert.deepEqual(db.pragma('foreign_key_check'), []);
  for (const table of ['journal', 'samples', 'series', 'outputs', 'events', 'flags'])
    assert.equal(db.prepare(`SELECT count(*) FROM ${table} WHERE run NOT IN (SELECT id FROM runs)`).pluck().get(), 0, table);
  db.close();
});

test('where no copy can be written, a sentence and no file', (t) => {
  const path = databasePath(t);
  const store = openStore(path);
  afterwards(t, () => store.close());
  const folder = join(dirname(path), 'none');
  assert.throws(() => store.copyTo(join(folder, 'x.db')), { name: 'StoreError', message: /x\.db/ });
  writeFileSync(join(dirname(path), 'there.db'), 'mine');
  assert.throws(() => store.copyTo(join(dirname(path), 'there.db')), { name: 'FleetError', message: /exists already/ });
  assert.ok(!existsSync(folder));
});
