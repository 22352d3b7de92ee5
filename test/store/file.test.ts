import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FleetError } from '../../src/core/errors.ts';
import { openFile } from '../../src/store/file.ts';
import { openStore } from '../../src/store/store.ts';
import { packTrace, unpackTrace } from '../../src/store/trace.ts';
import { databasePath } from '../support/database.ts';
import { newRun, sample } from '../support/runs.ts';

const WRITER = fileURLToPath(new URL('../support/store-writer.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');

/** Asserts that opening fails with one sentence for people that names the file. */
function refused(path: string, message: RegExp, options: { readonly?: boolean } = {}): void {
  assert.throws(
    () => openStore(path, options),
    (error) => error instanceof FleetError && message.test(error.message) && error.message.includes(path) && !error.message.includes('\n'),
  );
}

test('a file that is no database', (t) => {
  const path = databasePath(t);
  writeFileSync(path, 'These are my notes. '.repeat(400));
  refused(path, /is not a SQLite database: name another file with --db/);
});

test('a folder, a missing folder, a missing file for reading', (t) => {
  const path = databasePath(t);
  refused(dirname(path), /is not a file/);
  const missing = join(dirname(path), 'nowhere', 'fleet.db');
  assert.throws(() => openStore(missing), /There is no folder .*nowhere for the database: make it, or name another file with --db/);
  refused(path, /There is no database .* yet: run `fleet bench` first/, { readonly: true });
});

test('a damaged database', (t) => {
  const path = databasePath(t);
  const store = openStore(path);
  store.createRun(newRun());
  store.appendMany(
    'run-1',
    Array.from({ length: 3000 }, (_, i) => sample(i + 1, 'decode_rate', i)),
  );
  store.close();
  truncateSync(path, 4096 * Math.floor(statSync(path).size / 4096 / 2));
  assert.throws(() => openStore(path).run('run-1'), /is damaged.*restore a copy/);
});

test('a commit is on the disk when it returns, readers do not wait, references are checked', (t) => {
  const db = openFile(databasePath(t));
  assert.equal(db.pragma('synchronous', { simple: true }), 2); // FULL
  assert.equal(db.pragma('journal_mode', { simple: true }), 'wal');
  assert.equal(db.pragma('foreign_keys', { simple: true }), 1);
  db.close();
});

test('an empty file becomes a database', (t) => {
  const path = databasePath(t);
  writeFileSync(path, '');
  openStore(path).close();
  openStore(path, { readonly: true }).close();
});

test('a store opened for reading does not write', (t) => {
  const path = databasePath(t);
  openStore(path).close();
  const store = openStore(path, { readonly: true });
  assert.throws(() => store.createRun(newRun()), /cannot be opened or written.*check the permissions/);
  store.close();
});

/** Runs the writer as it is or, for a superuser, as nobody: permissions say nothing to root. */
function writer(path: string, records: number): { status: number | null; stderr: string } {
  const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  return spawnSync(process.execPath, ['--import', TSX, WRITER, path, 'run-1', String(records)], { encoding: 'utf8', ...nobody });
}

test('a folder and a file that may not be written', (t) => {
  const path = databasePath(t);
  chmodSync(dirname(path), 0o777);
  const probe = writer(path, 3);
  if (probe.status !== 0) return t.skip(`cannot start the writer as another user: ${probe.stderr.trim()}`);
  chmodSync(path, 0o444);
  const readonlyFile = writer(path, 6);
  assert.equal(readonlyFile.status, 1);
  assert.match(readonlyFile.stderr, /fleet\.db cannot be opened or written.*check the permissions of the file and of its folder/);
  const folder = join(dirname(path), 'closed');
  mkdirSync(folder, { mode: 0o555 });
  const closed = writer(join(folder, 'fleet.db'), 3);
  assert.equal(closed.status, 1);
  assert.match(closed.stderr, /closed\/fleet\.db cannot be opened or written/);
});

test('a full disk: a sentence, and every row acknowledged before is there once there is room', (t) => {
  const path = databasePath(t);
  const folder = dirname(path);
  const mounts = spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs -o size=1m none "$1"', 'sh', folder]);
  if (mounts.status !== 0) return t.skip('needs root and mount namespaces for a disk of its own');
  // a disk of 1 MB, in this command's sight only; what is on it is copied out after the writer stopped
  const script = `mkdir "$1/disk" && mount -t tmpfs -o size=1m none "$1/disk" || exit 99
    "$2" --import "$3" "$4" "$1/disk/fleet.db" run-1 100000 > "$1/acks" 2> "$1/errors"; echo $? > "$1/status"
    cp "$1/disk/"* "$1/"`;
  execFileSync('unshare', ['-m', 'sh', '-c', script, 'sh', folder, process.execPath, TSX, WRITER]);
  const read = (name: string) => execFileSync('cat', [join(folder, name)], { encoding: 'utf8' });
  assert.equal(read('status').trim(), '1');
  assert.match(read('errors'), /disk\/fleet\.db could not (grow|be read or written).*what was committed is safe/);
  assert.ok(!read('errors').includes('    at '), 'no stack trace');
  const acknowledged = Number(read('acks').trim().split(/\s+/).at(-1));
  assert.ok(acknowledged > 5);
  const store = openStore(path);
  assert.ok(store.lastSeq('run-1') >= acknowledged, `${store.lastSeq('run-1')} stored, ${acknowledged} acknowledged`);
  assert.equal(store.append('run-1', sample(store.lastSeq('run-1') + 1, 'decode_rate', 1)), true);
  store.close();
});

test('a trace of a wrong size or no trace at all is refused', () => {
  const packed = packTrace([1, 2], [3, 4]);
  assert.deepEqual(unpackTrace(packed, 2, 2), { times: [1, 2], values: [3, 4] });
  assert.deepEqual(unpackTrace(packTrace([], []), 0, 0), { times: [], values: [] });
  assert.throws(() => unpackTrace(packed, 3, 2), /damaged: 32 bytes where 40 were expected/);
  assert.throws(() => unpackTrace(packed, 1, 1), /damaged/);
  assert.throws(() => unpackTrace(Buffer.from('no trace'), 1, 1), /damaged/);
});
