import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { openStore } from '../../src/store/store.ts';
import { databasePath } from '../support/database.ts';
import { fillDemo } from '../support/demo-store.ts';
import { end, newRun, sample } from '../support/runs.ts';

test('figures say the same as the samples they are worked out from, for every run', (t) => {
  const path = databasePath(t);
  const store = openStore(path);
  fillDemo(store);
  const [fast, slow] = [store.runs({ prompts: false }), store.runs()];
  assert.ok(slow.length >= 60);
  assert.deepEqual(
    fast.map(({ metrics }) => metrics),
    slow.map(({ metrics }) => metrics),
  );
  const some = store.runs({ prompts: false, metrics: ['prefill_rate', 'decode_rate'], status: ['ok', 'failed'] });
  assert.deepEqual(
    some.map(({ id, metrics }) => [id, Object.keys(metrics)]),
    slow
      .filter(({ status }) => status === 'ok' || status === 'failed')
      .map(({ id, metrics }) => [id, Object.keys(metrics).filter((name) => name === 'prefill_rate' || name === 'decode_rate')]),
  );
  assert.ok(slow.some(({ prompts }) => Object.keys(prompts).length === 4));
  assert.deepEqual(
    fast.filter(({ status }) => status !== 'running').filter(({ prompts }) => Object.keys(prompts).length > 0),
    [],
  );
  store.close();
});

test('a setting has the median over its runs, the widest spread and the newest run; one under way is in none', (t) => {
  const store = openStore(databasePath(t));
  const add = (id: string, rate: number, more = {}) => {
    store.createRun(newRun({ id, started: 1000 + Number(id), ...more }));
    store.append(id, sample(1, 'decode_rate', rate));
  };
  for (const [id, rate] of [
    ['1', 9],
    ['2', 30],
    ['3', 10],
  ] as const) {
    add(id, rate);
    assert.equal(store.settings()[0]?.metrics.decode_rate?.runs ?? 0, Number(id) - 1, 'under way');
    store.append(id, end(2));
  }
  add('4', 99, { threads: 1 });
  const [setting, ...more] = store.settings();
  assert.equal(more.length, 0);
  assert.deepEqual([setting?.device, setting?.toolchain, setting?.valid], ['local', 'gcc-12', true]);
  assert.deepEqual(setting?.metrics.decode_rate, { value: 10, low: 9, high: 30, runs: 3, n: 3, scope: null, run: '3' });
  assert.deepEqual(store.metrics(), ['decode_rate']);
  assert.deepEqual(store.settings({ metrics: ['prefill_rate'] }), []);
  assert.deepEqual(store.settings({ device: 'other' }), []);
  store.close();
});

test('the quality of a model is that of its newest valid run in each suite, on whatever device', (t) => {
  const store = openStore(databasePath(t));
  const add = (id: string, perplexity: number, more: Parameters<typeof newRun>[0] = {}, status: 'ok' | 'failed' = 'ok') => {
    store.createRun(newRun({ id, started: 1000 + Number(id), model: 'm', suite: 'eval', ...more }));
    store.appendMany(id, [sample(1, 'perplexity', perplexity), sample(2, 'kl_divergence', 0.5), end(3, status)]);
  };
  add('1', 10);
  add('2', 11, { device: 'pi' });
  add('3', 99, { device: 'broken' }, 'failed');
  add('4', 7, { suite: 'eval-text' });
  add('5', 20, { model: 'n' });
  store.createRun(newRun({ id: '6', model: 'm', suite: 'smoke' }));
  store.appendMany('6', [sample(1, 'decode_rate', 5), end(2)]);
  const told = store.quality().map(({ model, suite, metrics }) => [model, suite, metrics.perplexity?.value, metrics.perplexity?.run]);
  assert.deepEqual(told, [
    ['n', 'eval', 20, '5'],
    ['m', 'eval-text', 7, '4'],
    ['m', 'eval', 11, '2'],
  ]);
  assert.deepEqual(Object.keys(store.quality()[0]?.metrics ?? {}).sort(), ['kl_divergence', 'perplexity']);
  store.close();
});

test('settings are narrowed by anything, newest first, and a limit counts settings', (t) => {
  const store = openStore(databasePath(t));
  const rows = [
    ['1', 'pi', 'gcc-12', 'a', 'smoke', 1],
    ['2', 'pi', 'clang-19', 'a', 'smoke', 2],
    ['3', 'desk', 'gcc-12', 'b', 'pair', 4],
    ['4', 'pi', 'gcc-12', 'a', 'smoke', 1],
  ] as const;
  for (const [id, device, toolchain, model, suite, threads] of rows) {
    store.createRun(newRun({ id, started: Number(id), device, toolchain, model, suite, threads }));
    store.appendMany(id, [sample(1, 'decode_rate', 5), end(2, id === '3' ? 'failed' : 'ok')]);
  }
  const of = (filter: Parameters<typeof store.settings>[0]) => store.settings(filter).map(({ metrics }) => metrics.decode_rate?.run);
  assert.deepEqual(of({}), ['4', '3', '2']);
  assert.deepEqual(of({ limit: 2 }), ['4', '3']);
  assert.deepEqual(of({ device: 'pi' }), ['4', '2']);
  assert.deepEqual(of({ device: ['pi', 'desk'], toolchain: 'gcc-12' }), ['4', '3']);
  assert.deepEqual(of({ toolchain: ['clang-19', 'none'] }), ['2']);
  assert.deepEqual(of({ model: 'b', suite: 'pair', threads: 4 }), ['3']);
  assert.deepEqual(of({ threads: 1, valid: true }), ['4']);
  assert.deepEqual(of({ valid: false }), ['3']);
  assert.deepEqual(of({ toolchain: 'gcc-15' }), []);
  store.close();
});

test('a flag, a late record and a run taken up again move the figures along', (t) => {
  const store = openStore(databasePath(t));
  store.createRun(newRun({ id: 'a' }));
  store.appendMany('a', [sample(1, 'decode_rate', 5), end(2)]);
  store.addFlag('a', 'busy', 'x');
  assert.deepEqual(
    store.settings().map(({ valid, metrics }) => [valid, metrics.decode_rate?.value]),
    [[false, 5]],
    'no longer among the valid ones',
  );
  store.append('a', sample(3, 'decode_rate', 7));
  assert.equal(store.settings()[0]?.metrics.decode_rate?.value, 6);
  store.createRun(newRun({ id: 'b', threads: 1 }));
  store.append('b', sample(1, 'decode_rate', 1));
  store.finish('b', 'interrupted', 'lost');
  assert.equal(store.settings({ threads: 1 }).length, 1);
  store.append('b', sample(2, 'decode_rate', 2));
  assert.deepEqual(store.settings({ threads: 1 }), [], 'it runs again');
  assert.equal(store.runs({ id: 'b', prompts: false })[0]?.metrics.decode_rate?.n, 2);
  store.close();
});

test('power of two scopes does not mix in a setting: the commonest stands', (t) => {
  const store = openStore(databasePath(t));
  for (const [id, scope, value] of [
    ['a', 'wall_ac', 3],
    ['b', 'cpu_package', 1],
    ['c', 'wall_ac', 5],
  ] as const) {
    store.createRun(newRun({ id, started: id.charCodeAt(0) }));
    store.appendMany(id, [{ ...sample(1, 'energy_per_token', value), source: scope, scope } as ReturnType<typeof sample>, end(2)]);
  }
  assert.deepEqual(store.settings()[0]?.metrics.energy_per_token, { value: 4, low: 3, high: 5, runs: 2, n: 2, scope: 'wall_ac', run: 'c' });
  store.close();
});

test('rows that came past the store get their figures when the database is opened', (t) => {
  const path = databasePath(t);
  const first = openStore(path);
  fillDemo(first);
  const before = first.settings();
  first.close();
  const db = new Database(path);
  db.exec('DELETE FROM standings; DELETE FROM figures; UPDATE runs SET setting = NULL, rolled = -1; DELETE FROM settings');
  db.close();
  const store = openStore(path);
  const bare = (settings: typeof before) => settings.map(({ id: _id, ...rest }) => JSON.stringify(rest)).sort();
  assert.deepEqual(bare(store.settings()), bare(before));
  store.close();
});
