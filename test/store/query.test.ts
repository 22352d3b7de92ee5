import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JournalRecord } from '../../src/core/journal.ts';
import type { MetricName } from '../../src/core/metric.ts';
import type { Scope } from '../../src/core/scope.ts';
import type { DetailBounds, RunDetail, RunFilter } from '../../src/core/store.ts';
import { openStore } from '../../src/store/store.ts';
import { databasePath, freshStore } from '../support/database.ts';
import { end, newRun, phase, sample, tokenTimes } from '../support/runs.ts';

test('metrics: raw samples without warm-up, over all prompts and by prompt', (t) => {
  const store = openStore(databasePath(t));
  store.createRun(newRun());
  store.appendMany('run-1', [
    sample(1, 'decode_rate', 1000, { prompt: 'a', warmup: true }),
    sample(2, 'decode_rate', 10, { prompt: 'a' }),
    sample(3, 'decode_rate', 12, { prompt: 'a' }),
    sample(4, 'decode_rate', 20, { prompt: '__proto__' }),
    sample(5, 'load_time', 0.1 + 0.2),
  ]);
  const run = store.runs()[0];
  assert.deepEqual(run?.metrics.decode_rate, { median: 12, p50: 12, p95: null, min: 10, max: 20, n: 3, unit: 'tokens/s' });
  assert.equal(run?.metrics.load_time?.median, 0.1 + 0.2);
  assert.equal(run?.metrics.peak_rss, undefined);
  assert.deepEqual(Object.keys(run?.prompts ?? {}), ['a', '__proto__']);
  assert.equal(run?.prompts.a?.decode_rate?.median, 11);
  assert.equal(Object.getOwnPropertyDescriptor(run?.prompts, '__proto__')?.value.decode_rate.median, 20);
  assert.equal(run?.prompts.a?.load_time, undefined);
  store.append('run-1', sample(6, 'decode_rate', 14));
  assert.equal(store.runs()[0]?.metrics.decode_rate?.n, 4, 'a new sample shows at once');
  store.close();
});

test('inter-token latency is pooled from token times; n counts gaps; samples count only without them', (t) => {
  const store = openStore(databasePath(t));
  store.createRun(newRun());
  store.append('run-1', sample(1, 'inter_token_latency', 99));
  assert.equal(store.run('run-1')?.metrics.inter_token_latency?.median, 99);
  const stamps = (n: number, gap: number) => Array.from({ length: n }, (_, i) => 1 + i * gap);
  store.append('run-1', tokenTimes(2, stamps(12, 0.25), { prompt: 'a' }));
  store.append('run-1', tokenTimes(3, stamps(12, 0.5), { prompt: 'b' }));
  store.append('run-1', tokenTimes(4, stamps(12, 64), { prompt: 'b', warmup: true }));
  const run = store.run('run-1');
  assert.deepEqual(run?.metrics.inter_token_latency, { median: 0.375, p50: 0.375, p95: 0.5, min: 0.25, max: 0.5, n: 22, unit: 's' });
  assert.deepEqual([run?.prompts.a?.inter_token_latency?.n, run?.prompts.a?.inter_token_latency?.p95], [11, null]);
  store.close();
});

test('filters narrow; the newest come first; values are never part of the query', (t) => {
  const store = openStore(databasePath(t));
  const run = (id: string, changes: object, status: 'ok' | 'failed' | null) => {
    store.createRun(newRun({ id, ...changes }));
    if (status) store.append(id, end(1, status));
  };
  run('a', { started: 1, device: 'x', toolchain: 'gcc-12' }, 'ok');
  run('b', { started: 2, device: 'y', model: 'big' }, 'failed');
  run('c', { started: 3, device: 'x', toolchain: 'clang-19' }, 'ok');
  run('d', { started: 3, device: 'z', emulated: true, suite: 'standard' }, 'ok');
  run('e', { started: 4, device: 'z' }, null);
  store.addFlag('c', 'clock-skew', '2 s');
  const ids = (filter: RunFilter) =>
    store
      .runs(filter)
      .map(({ id }) => id)
      .join('');
  assert.equal(ids({}), 'edcba');
  assert.equal(ids({ device: 'x' }), 'ca');
  assert.equal(ids({ device: ['x', 'y'] }), 'cba');
  assert.equal(ids({ device: [] }), '');
  assert.equal(ids({ toolchain: 'clang-19' }), 'c');
  assert.equal(ids({ model: 'big' }), 'b');
  assert.equal(ids({ suite: 'standard' }), 'd');
  assert.equal(ids({ status: ['failed', 'queued'] }), 'eb');
  assert.equal(ids({ since: 3 }), 'edc');
  assert.equal(ids({ limit: 2 }), 'ed');
  assert.equal(ids({ valid: true }), 'ca');
  assert.equal(ids({ valid: true, limit: 1 }), 'c');
  assert.equal(ids({ valid: false }), 'edb');
  assert.equal(ids({ id: ['a', 'e', 'nobody'] }), 'ea');
  assert.equal(ids({ device: "x' OR '1'='1" }), '');
  assert.equal(store.run('nobody'), null);
  store.close();
});

test('a run is read within bounds, and says that it was cut', (t) => {
  const store = freshStore(t);
  store.createRun(newRun({ id: 'long' }));
  const at = (seq: number) => ({ seq, wall: 1, mono: 1, prompt: 'p', launch: 0, repetition: seq });
  store.appendMany('long', [
    ...[1, 2, 3].map((seq) => sample(seq, 'decode_rate', seq)),
    ...[4, 5, 6].map((seq) => tokenTimes(seq, [1, 2, 3, 4])),
    ...[7, 8, 9].map((seq) => ({ ...at(seq), kind: 'output' as const, hash: 'h', text: 'ten letters'.slice(0, 10), tokens: 2 })),
    end(10),
  ]);
  const counts = (bounds?: DetailBounds) => {
    const { samples, series, outputs, cut } = store.run('long', bounds) as RunDetail;
    return [samples.length, series.length, outputs.length, cut];
  };
  assert.deepEqual(counts(), [3, 3, 3, undefined]);
  assert.deepEqual(counts({ samples: 3, points: 12, text: 30 }), [3, 3, 3, undefined]);
  assert.deepEqual(counts({ samples: 2, points: 12, text: 30 }), [2, 3, 3, true]);
  assert.deepEqual(counts({ samples: 3, points: 11, text: 30 }), [3, 2, 3, true]);
  assert.deepEqual(counts({ samples: 3, points: 12, text: 9 }), [3, 3, 0, true]);
  assert.equal(store.run('long', { samples: 0, points: 0, text: 0 })?.metrics.decode_rate?.n, 3, 'its figures are those of all');
});

test('what moved is told of so many runs at once, the others with the next call', (t) => {
  const store = freshStore(t);
  for (let i = 0; i < 501; i++) store.createRun(newRun({ id: `run-${String(i).padStart(3, '0')}`, started: i }));
  const first = store.changedSince(0);
  const second = store.changedSince(first.cursor);
  assert.deepEqual([first.runs.length, second.runs.length, store.changedSince(second.cursor).runs.length], [500, 1, 0]);
  assert.equal(new Set([...first.runs, ...second.runs].map(({ id }) => id)).size, 501);
  const { runs } = store.unfinishedNow();
  assert.deepEqual([runs.length, runs[0]?.id, runs.at(-1)?.id], [500, 'run-001', 'run-500'], 'the newest, the oldest of them first');
});

test('changedSince tells another reader what moved, and only that', (t) => {
  const path = databasePath(t);
  const store = openStore(path);
  const reader = openStore(path, { readonly: true });
  store.createRun(newRun({ id: 'a' }));
  store.createRun(newRun({ id: 'b' }));
  const first = reader.changedSince(0);
  assert.deepEqual(
    first.runs.map(({ id, status }) => [id, status]),
    [
      ['a', 'queued'],
      ['b', 'queued'],
    ],
  );
  assert.deepEqual(reader.changedSince(first.cursor), { cursor: first.cursor, runs: [] });
  store.append('a', phase(1, 'measure', 3, 10));
  store.append('a', phase(1, 'measure', 3, 10));
  const second = reader.changedSince(first.cursor);
  const heard = 1_700_000_000_010;
  const at = { id: 'a', device: 'local', status: 'running', message: null, lastSeq: 1, decodeRate: null, heard };
  assert.deepEqual(second.runs, [{ ...at, phase: { phase: 'measure', detail: null, done: 3, total: 10, tokens: null } }]);
  store.append('a', sample(2, 'decode_rate', 17.5));
  const beginning = reader.unfinishedNow();
  assert.deepEqual(
    beginning.runs.map(({ id, decodeRate }) => [id, decodeRate]),
    [
      ['a', 17.5],
      ['b', null],
    ],
  );
  assert.deepEqual(reader.changedSince(beginning.cursor).runs, []);
  store.addFlag('b', 'busy', 'load');
  store.append('a', end(3));
  assert.deepEqual(
    reader.unfinishedNow().runs.map(({ id }) => id),
    ['b'],
  );
  assert.deepEqual(
    reader.changedSince(second.cursor).runs.map(({ id }) => id),
    ['b', 'a'],
  );
  reader.close();
  store.close();
});

test('the detail has the engine, the last 200 events in order, and series by name', (t) => {
  const store = openStore(databasePath(t));
  store.createRun(newRun());
  store.append('run-1', { seq: 1, wall: 5, mono: 6, kind: 'engine', engine: { isa: 'avx2', threads: 2 } });
  store.appendMany(
    'run-1',
    Array.from({ length: 300 }, (_, i) => ({ seq: i + 2, wall: 5, mono: i, kind: 'log' as const, text: `line ${i}` })),
  );
  store.append('run-1', tokenTimes(302, [1], { prompt: 'a' }));
  store.append('run-1', tokenTimes(303, [2], { prompt: 'b' }));
  const run = store.run('run-1');
  assert.deepEqual(run?.engine, { isa: 'avx2', threads: 2 });
  assert.equal(run?.events.length, 200);
  assert.deepEqual(run?.events.at(-1), { seq: 301, wall: 5, mono: 299, kind: 'log', data: { text: 'line 299' } });
  assert.equal(run?.events[0]?.seq, 102);
  assert.deepEqual(
    store.series('run-1', { series: 'token_times', prompt: 'b' }).map(({ times }) => times),
    [[2]],
  );
  assert.deepEqual(store.series('run-1', { series: 'rss' }), []);
  store.close();
});

test('figures of power: one source stands for the run, the best scope that gave energies; an estimate never does; scopes do not mix', (t) => {
  const store = openStore(databasePath(t));
  store.createRun(newRun());
  const of = (seq: number, source: string, scope: Scope, metric: MetricName, value: number) =>
    ({ ...sample(seq, metric, value, { prompt: 'a' }), source, scope }) as JournalRecord;
  store.appendMany('run-1', [
    of(1, 'tdp', 'estimate', 'energy_per_token', 9),
    of(2, 'rapl', 'cpu_package', 'energy_per_token', 0.5),
    of(3, 'rapl', 'cpu_package', 'energy_per_token', 0.7),
    of(4, 'rapl', 'cpu_package', 'power_idle', 3),
    of(5, 'battery', 'system_battery', 'power_idle', 8),
    sample(6, 'decode_rate', 10),
  ]);
  const metrics = () => store.runs()[0]?.metrics;
  assert.deepEqual(metrics()?.energy_per_token, {
    ...{ median: 0.6, p50: 0.6, p95: null, min: 0.5, max: 0.7, n: 2, unit: 'J' },
    source: 'rapl',
    scope: 'cpu_package',
  });
  assert.equal(metrics()?.power_idle?.median, 3, 'the battery gave no energy of a token: it does not stand for the run');
  assert.equal(metrics()?.decode_rate?.scope, undefined);
  store.annotate('run-1', [
    { kind: 'sensor', source: 'plug', scope: 'wall_ac', detail: 'x', period: 1, refresh: 1, reader: 'controller', lab: false },
    { kind: 'sample', metric: 'energy_per_token', value: 2, prompt: 'a', launch: 0, repetition: 0, warmup: false, source: 'plug', scope: 'wall_ac' },
  ]);
  assert.deepEqual([metrics()?.energy_per_token?.median, metrics()?.energy_per_token?.source], [2, 'plug']);
  assert.equal(metrics()?.power_idle, undefined, 'the plug gave no idle power, and nobody else answers for it');
  assert.equal(store.run('run-1')?.samples.length, 7, 'nothing is deleted');
  assert.deepEqual(
    store.events('run-1', 'sensor').map(({ seq, data }) => [seq, data.source]),
    [[-1, 'plug']],
  );
  assert.equal(store.lastSeq('run-1'), 6, 'what the controller adds does not move the journal');
  store.close();
});

test('only estimates: the run has no energy', (t) => {
  const store = openStore(databasePath(t));
  store.createRun(newRun());
  store.append('run-1', { ...sample(1, 'energy_per_token', 9), source: 'tdp', scope: 'estimate' } as JournalRecord);
  assert.deepEqual(store.runs()[0]?.metrics, {});
  store.close();
});
