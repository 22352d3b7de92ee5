import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { openStore } from '../../src/store/store.ts';
import { databasePath } from '../support/database.ts';
import { seeded } from '../support/random.ts';

const WRITER = fileURLToPath(new URL('../support/store-writer.ts', import.meta.url));

interface Writer {
  process: ChildProcess;
  /** Resolves with the first acknowledgement, or when the writer ended. */
  began: Promise<void>;
  ended: Promise<{ acknowledged: number; done: boolean; stderr: string }>;
}

function startWriter(path: string, run: string, records: number): Writer {
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), WRITER, path, run, String(records)]);
  let [stdout, stderr] = ['', ''];
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const ended = new Promise<void>((resolve) => void child.on('close', () => resolve()));
  const began = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
      resolve();
    });
    void ended.then(resolve);
  });
  const result = ended.then(() => {
    const acks = [...stdout.matchAll(/^ack (\d+)\n/gm)]; // whole lines only
    return { acknowledged: Number(acks.at(-1)?.[1] ?? 0), done: stdout.endsWith('done\n'), stderr };
  });
  return { process: child, began, ended: result };
}

/** Looks at the file itself, past the store: sound, references intact, and records 1 to n of the run each there exactly once. */
function examine(path: string, run: string): number {
  const db = new Database(path);
  assert.equal(db.pragma('integrity_check', { simple: true }), 'ok');
  assert.deepEqual(db.pragma('foreign_key_check'), []);
  const seqs = db.prepare('SELECT seq FROM journal WHERE run = ? ORDER BY seq').pluck().all(run) as number[];
  assert.deepEqual(
    seqs,
    seqs.map((_, i) => i + 1),
  );
  const held = db.prepare('SELECT seq FROM samples WHERE run = ? UNION ALL SELECT seq FROM series WHERE run = ? ORDER BY 1').pluck().all(run, run);
  assert.deepEqual(held, seqs, 'every record has its row');
  const values = db.prepare('SELECT count(*) FROM samples WHERE run = ? AND value <> seq').pluck().get(run);
  assert.equal(values, 0);
  db.close();
  return seqs.length;
}

test('kill -9 at any moment loses no acknowledged row and doubles none', { timeout: 600_000 }, async (t) => {
  const path = databasePath(t);
  const random = seeded(Date.now());
  const stored: number[] = [];
  for (let kill = 0; kill < 10; kill++) {
    const writer = startWriter(path, 'run-1', 1e6);
    await writer.began;
    await wait(random() * 150);
    writer.process.kill('SIGKILL');
    const { acknowledged, done, stderr } = await writer.ended;
    assert.equal(done, false);
    assert.equal(stderr, '');
    const found = examine(path, 'run-1');
    assert.ok(acknowledged > (stored.at(-1) ?? 0), 'each writer got somewhere, from where the last one stopped');
    assert.ok(found >= acknowledged, `kill ${kill}: ${found} stored, ${acknowledged} acknowledged`);
    assert.ok(found <= acknowledged + 2, 'at most the one transaction in flight more');
    stored.push(found);
  }
  const store = openStore(path);
  assert.equal(store.lastSeq('run-1'), stored.at(-1));
  assert.equal(store.unfinished()[0]?.status, 'running');
  store.close();
  t.diagnostic(`rows after each kill: ${stored.join(' ')}`);
});

test('two controllers write to one new file at once, and a third reads what moves', { timeout: 600_000 }, async (t) => {
  const path = databasePath(t);
  const writers = ['run-a', 'run-b', 'run-b'].map((run) => startWriter(path, run, 500)); // two of them on one run: a race for each record
  await Promise.race(writers.map(({ began }) => began));
  const reader = openStore(path, { readonly: true });
  let cursor = 0;
  let looks = 0;
  const seen = new Set<string>();
  const all = Promise.all(writers.map(({ ended }) => ended));
  for (let over = false; !over; looks++) {
    over = await Promise.race([all.then(() => true), wait(10, false)]);
    const changes = reader.changedSince(cursor);
    assert.ok(changes.cursor >= cursor);
    cursor = changes.cursor;
    for (const { id } of changes.runs) seen.add(id);
  }
  for (const { done, stderr } of await all) assert.deepEqual([done, stderr], [true, '']);
  assert.deepEqual([...seen].sort(), ['run-a', 'run-b']);
  assert.equal(reader.changedSince(cursor).runs.length, 0);
  for (const run of ['run-a', 'run-b']) assert.ok(examine(path, run) >= 500);
  assert.deepEqual(
    reader.devices().map(({ id }) => id),
    ['device-of-run-a', 'device-of-run-b'],
  );
  reader.close();
  t.diagnostic(`looked ${looks} times`);
});
