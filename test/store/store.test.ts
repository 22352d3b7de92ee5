import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FleetError } from '../../src/core/errors.ts';
import type { JournalRecord } from '../../src/core/journal.ts';
import { openStore } from '../../src/store/store.ts';
import { databasePath } from '../support/database.ts';
import { anyDouble, seeded } from '../support/random.ts';
import { end, FACTS, newRun, phase, sample, tokenTimes } from '../support/runs.ts';

test('a run is queued, runs with its first record and ends with `end`', (t) => {
  const store = openStore(databasePath(t));
  store.createRun(newRun({ facts: FACTS, journal: '/j', cpus: '0-1' }));
  assert.equal(store.run('run-1')?.status, 'queued');
  assert.deepEqual(store.unfinished(), [{ ...newRun({ facts: FACTS, journal: '/j', cpus: '0-1' }), status: 'queued', lastSeq: 0 }]);
  store.append('run-1', phase(1, 'load'));
  assert.equal(store.run('run-1')?.status, 'running');
  store.append('run-1', end(2, 'failed', 'no room'));
  const run = store.run('run-1');
  assert.deepEqual([run?.status, run?.message, run?.ended], ['failed', 'no room', 1_700_000_000_020]);
  assert.deepEqual(store.unfinished(), []);
  store.close();
});

test('a record stored twice counts once, whoever brings it and however', (t) => {
  const path = databasePath(t);
  const [one, two] = [openStore(path), openStore(path)];
  one.createRun(newRun());
  const records = [phase(1, 'load'), sample(2, 'decode_rate', 10), tokenTimes(3, [1, 2]), end(4)];
  assert.equal(one.append('run-1', records[1] as JournalRecord), true);
  assert.equal(two.append('run-1', records[1] as JournalRecord), false);
  assert.equal(two.appendMany('run-1', records), 3);
  assert.equal(one.appendMany('run-1', records), 0);
  assert.equal(one.run('run-1')?.samples.length, 1);
  assert.equal(one.run('run-1')?.metrics.decode_rate?.n, 1);
  one.close();
  two.close();
});

test('lastSeq stops before a gap, so that resuming brings what is missing', (t) => {
  const store = openStore(databasePath(t));
  store.createRun(newRun());
  assert.equal(store.lastSeq('run-1'), 0);
  store.append('run-1', sample(1, 'decode_rate', 1));
  store.append('run-1', sample(3, 'decode_rate', 3));
  assert.equal(store.lastSeq('run-1'), 1);
  store.append('run-1', sample(2, 'decode_rate', 2));
  assert.equal(store.lastSeq('run-1'), 3);
  assert.equal(store.lastSeq('nobody'), 0);
  store.close();
});

test('a batch is stored whole or not at all, and the sentence names file and run', (t) => {
  const path = databasePath(t);
  const store = openStore(path);
  store.createRun(newRun());
  const bad = sample(2, 'decode_rate', Number.NaN);
  assert.throws(
    () => store.appendMany('run-1', [sample(1, 'decode_rate', 1), bad]),
    (error) => error instanceof FleetError && error.message.includes(path) && error.message.includes('run-1'),
  );
  assert.equal(store.lastSeq('run-1'), 0);
  assert.equal(store.run('run-1')?.status, 'queued');
  assert.throws(() => store.append('run-9', sample(1, 'decode_rate', 1)), /There is no run run-9 in .*fleet runs/);
  assert.throws(() => store.finish('run-9', 'failed', null), /There is no run run-9/);
  assert.throws(() => store.createRun(newRun()), FleetError);
  store.close();
});

test('property: doubles, traces and texts come back exactly', (t) => {
  const path = databasePath(t);
  const store = openStore(path);
  store.createRun(newRun());
  const random = seeded(7);
  const records: JournalRecord[] = [];
  for (let seq = 1; seq <= 120; seq += 3) {
    const times = Array.from({ length: Math.floor(random() * 50) }, () => anyDouble(random));
    const text = String.fromCharCode(...Array.from({ length: 20 }, () => Math.floor(random() * 0xd800))); // NUL and controls too
    records.push(sample(seq, 'bandwidth', anyDouble(random), { prompt: text }));
    records.push({ ...tokenTimes(seq + 1, times, { prompt: text }), series: 'rss', values: times.map((x) => -x) } as JournalRecord);
    records.push({ seq: seq + 2, wall: 1, mono: 2, kind: 'output', prompt: text, launch: 0, repetition: seq, hash: 'h', text, tokens: 3 });
  }
  store.appendMany('run-1', records);
  store.close();
  const run = openStore(path, { readonly: true }).run('run-1');
  const of = (kind: string) => records.filter((record) => record.kind === kind).map(({ kind, wall, mono, ...rest }) => rest);
  const nowhere = { source: null, scope: null };
  assert.deepEqual(
    run?.samples,
    of('sample').map((record) => ({ ...record, ...nowhere })),
  );
  assert.deepEqual(
    run?.series,
    of('series').map((record) => ({ ...record, warmup: false, ...nowhere })),
  );
  assert.deepEqual(run?.outputs, of('output'));
});

test('signed zero and subnormal times survive in a trace', (t) => {
  const store = openStore(databasePath(t));
  store.createRun(newRun());
  const times = [-0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2];
  store.append('run-1', tokenTimes(1, times));
  const back = store.series('run-1')[0]?.times ?? [];
  assert.ok(times.every((time, i) => Object.is(time, back[i])));
  store.close();
});

test('flags: raised by device and controller, each evidence kept once', (t) => {
  const store = openStore(databasePath(t));
  store.createRun(newRun({ emulated: true }));
  store.append('run-1', { seq: 1, wall: 0, mono: 0, kind: 'flag', flag: 'swapped', evidence: 'swap grew by 4096 B' });
  store.addFlag('run-1', 'busy', 'load 3');
  store.addFlag('run-1', 'busy', 'load 3');
  store.addFlag('run-1', 'busy', 'load 4');
  const run = store.run('run-1');
  assert.deepEqual(run?.flags, ['busy', 'emulated', 'swapped']);
  assert.deepEqual(
    run?.evidence.map(({ flag, evidence }) => `${flag}: ${evidence}`),
    ['busy: load 3', 'busy: load 4', 'emulated: the device is declared emulated', 'swapped: swap grew by 4096 B'],
  );
  store.close();
});

test('finish marks a run that went silent; a resumed run goes on; an ended one is not turned back', (t) => {
  const store = openStore(databasePath(t));
  store.createRun(newRun());
  store.append('run-1', phase(1, 'measure'));
  assert.equal(store.finish('run-1', 'interrupted', 'the link was lost', ['interrupted']), true);
  assert.deepEqual([store.run('run-1')?.status, store.run('run-1')?.flags], ['interrupted', ['interrupted']]);
  store.append('run-1', sample(2, 'decode_rate', 5));
  assert.deepEqual([store.run('run-1')?.status, store.run('run-1')?.message, store.run('run-1')?.ended], ['running', null, null]);
  store.append('run-1', end(3));
  assert.equal(store.finish('run-1', 'interrupted', 'late'), false);
  assert.equal(store.run('run-1')?.status, 'ok');
  assert.equal(store.finish('run-1', 'failed', 'wrong output', ['wrong-output']), true);
  assert.equal(store.append('run-1', phase(4, 'measure')), true);
  assert.equal(store.run('run-1')?.status, 'failed');
  store.close();
});

test('the end of a run lies between its start and now, whatever clock the device has', (t) => {
  const store = openStore(databasePath(t));
  const offset = 3600; // the device is an hour ahead
  store.createRun(newRun({ id: 'ahead', facts: { ...FACTS, clock_offset: offset } }));
  store.append('ahead', { ...end(1), wall: 1_700_000_060_000 + 1000 * offset });
  assert.equal(store.run('ahead')?.ended, 1_700_000_060_000);
  store.createRun(newRun({ id: 'past' }));
  store.append('past', { ...end(1), wall: 0 });
  assert.equal(store.run('past')?.ended, 1_700_000_000_000);
  store.createRun(newRun({ id: 'future' }));
  store.append('future', { ...end(1), wall: 1e300 });
  assert.ok((store.run('future')?.ended ?? Number.POSITIVE_INFINITY) <= Date.now());
  store.close();
});

test('devices, facts and builds: the epoch changes with what changes speed and with nothing else', (t) => {
  const store = openStore(databasePath(t));
  const epoch = store.saveFacts({ id: 'pi', title: 'Pi on the shelf' }, FACTS);
  assert.match(epoch, /^[0-9a-f]{16}$/);
  assert.equal(store.saveFacts({ id: 'pi' }, { ...FACTS, load: 7, disk_free: 1, memory_available: 2 }), epoch);
  assert.notEqual(store.saveFacts({ id: 'pi' }, { ...FACTS, governor: 'powersave' }), epoch);
  store.createRun(newRun({ device: 'pi', facts: FACTS }));
  assert.equal(store.run('run-1')?.epoch, epoch);
  assert.deepEqual(store.run('run-1')?.facts, FACTS);
  const [pi] = store.devices();
  assert.deepEqual([pi?.id, pi?.title, pi?.runs, pi?.lastRun], ['pi', 'Pi on the shelf', 1, 1_700_000_000_000]);
  const { build, toolchain } = newRun();
  store.saveBuild({ ...build, target: 'x86_64-linux', toolchain, id: 'key', path: 'trit', bytes: 4096, code: null });
  store.createRun(newRun({ id: 'run-2', device: 'pi' }));
  assert.deepEqual(store.run('run-2')?.build, build);
  store.close();
});
