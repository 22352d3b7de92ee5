import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Device } from '../../src/core/device.ts';
import type { JournalRecord } from '../../src/core/journal.ts';
import { publishedOf } from '../../src/core/published.ts';
import file from '../../src/data/published.json' with { type: 'json' };
import { ask, dashboard } from '../support/dashboard.ts';
import { around, storeRuns } from '../support/history.ts';
import { seeded } from '../support/random.ts';
import { end, FACTS, newComparison, newRun, sample } from '../support/runs.ts';

const gcc = { sha256: 'a'.repeat(64), compiler: 'gcc 12.2.0', flags: '-O3', target: 'x86_64-linux' } as const;
const clang = { ...gcc, sha256: 'c'.repeat(64), compiler: 'clang 19.1.7' };

test('GET /api/runs lists the newest first, narrowed by every filter', async (t) => {
  const { url, store } = await dashboard(t);
  store.createRun(newRun({ id: 'a', started: 1000, device: 'pi', toolchain: 'gcc-12', model: 'tiny', suite: 'smoke' }));
  store.appendMany('a', [sample(1, 'decode_rate', 9, { prompt: 'p' }), end(2)]);
  store.createRun(
    newRun({ id: 'b', started: Date.UTC(2026, 0, 2), device: 'local', toolchain: 'clang-19', build: clang, model: 'big', suite: 'standard' }),
  );
  store.appendMany('b', [sample(1, 'decode_rate', 20), end(2, 'failed', 'no')]);
  const ids = async (query: string) => {
    const { status, json, text } = await ask(url, `/api/runs${query}`);
    assert.equal(status, 200, text);
    return json.runs.map(({ id }: { id: string }) => id);
  };
  assert.deepEqual(await ids(''), ['b', 'a']);
  assert.deepEqual(await ids('?device=pi'), ['a']);
  assert.deepEqual(await ids('?device=pi,local'), ['b', 'a']);
  assert.deepEqual(await ids('?device=pi&device=local'), ['b', 'a']);
  assert.deepEqual(await ids('?toolchain=clang-19'), ['b']);
  assert.deepEqual(await ids('?model=tiny'), ['a']);
  assert.deepEqual(await ids('?suite=standard'), ['b']);
  assert.deepEqual(await ids('?status=failed,running'), ['b']);
  assert.deepEqual(await ids('?since=2026-01-01'), ['b']);
  assert.deepEqual(await ids('?since=1000'), ['b', 'a']);
  assert.deepEqual(await ids('?since=1001'), ['b']);
  assert.deepEqual(await ids('?valid=true'), ['a']);
  assert.deepEqual(await ids('?valid=false'), ['b']);
  assert.deepEqual(await ids('?limit=1'), ['b']);
  assert.deepEqual(await ids('?id=a'), ['a']);
  assert.deepEqual(await ids('?device=nobody'), []);
  const [first] = (await ask(url, '/api/runs?id=a')).json.runs;
  assert.equal(first.metrics.decode_rate.median, 9);
  assert.equal(first.prompts.p.decode_rate.median, 9);
  assert.deepEqual((await ask(url, '/api/runs?id=a&prompts=false')).json.runs[0].prompts, {});
  assert.deepEqual(Object.keys((await ask(url, '/api/runs?id=a&prompts=false&metrics=decode_rate')).json.runs[0].metrics), ['decode_rate']);
  assert.deepEqual((await ask(url, '/api/runs?id=a&prompts=false&metrics=load_time')).json.runs[0].metrics, {});
  assert.deepEqual(await ids('?prompts=false&limit=5000'), ['b', 'a']);
});

test('GET /api/runs/:id gives everything of a run, and a sentence where there is none', async (t) => {
  const { url, store } = await dashboard(t);
  store.createRun(newRun({ id: 'a', facts: FACTS }));
  store.appendMany('a', [sample(1, 'decode_rate', 9), end(2)]);
  const { json } = await ask(url, '/api/runs/a');
  assert.equal(json.id, 'a');
  assert.deepEqual(json.facts, FACTS);
  assert.equal(json.samples[0].value, 9);
  const missing = await ask(url, '/api/runs/b');
  assert.equal(missing.status, 404);
  assert.match(missing.json.error, /There is no run b/);
});

test('a run that is too long for an answer is cut, and says so', async (t) => {
  const { url, store } = await dashboard(t);
  store.createRun(newRun({ id: 'long' }));
  store.appendMany('long', [...Array.from({ length: 20_001 }, (_, i) => sample(i + 1, 'decode_rate', 9)), end(20_002)]);
  const { json } = await ask(url, '/api/runs/long');
  assert.deepEqual([json.samples.length, json.cut, json.metrics.decode_rate.n], [20_000, true, 20_001]);
});

test('GET /api/compare puts two runs side by side and gives no verdict', async (t) => {
  const { url, store } = await dashboard(t);
  const add = (id: string, build: typeof gcc | typeof clang, toolchain: string, rate: number, change = {}) => {
    store.createRun(newRun({ id, build, toolchain, ...change }));
    store.appendMany(id, [sample(1, 'decode_rate', rate), end(2)]);
  };
  add('a', gcc, 'gcc-12', 10);
  add('b', clang, 'clang-19', 11);
  add('c', clang, 'clang-19', 13);
  add('d', clang, 'clang-19', 99, { threads: 1 });
  const two = (await ask(url, '/api/compare?baseline=a&candidate=b')).json;
  assert.equal(two.comparisons.length, 1);
  const [comparison] = two.comparisons;
  assert.deepEqual(
    [comparison.device, comparison.metric, comparison.baseline, comparison.candidate, comparison.interval, comparison.verdict, comparison.pairs],
    ['local', 'decode_rate', 10, 11, null, 'unknown', 0],
  );
  assert.ok(Math.abs(comparison.change - 0.1) < 1e-12);
  assert.match(two.note, /Descriptive/);

  const sets = (await ask(url, '/api/compare?baseline=toolchain:gcc-12&candidate=toolchain:clang-19&device=local')).json.comparisons;
  assert.equal(sets.length, 1, 'one thread and two threads are not compared');
  assert.equal(sets[0].candidate, 12);
  assert.deepEqual(sets[0].candidateRuns.sort(), ['b', 'c']);

  assert.equal((await ask(url, '/api/compare?baseline=a&candidate=nobody')).status, 404);
  assert.deepEqual((await ask(url, '/api/compare?baseline=toolchain:gcc-12&candidate=toolchain:none')).json.comparisons, []);
  for (const query of ['?candidate=a', '?baseline=a', '?baseline=a&candidate=x:y', '?baseline=a&candidate=%00', '?baseline=a&candidate=toolchain:'])
    assert.equal((await ask(url, `/api/compare${query}`)).status, 400, query);
});

test('power of two scopes is never compared', async (t) => {
  const { url, store } = await dashboard(t);
  const add = (id: string, scope: 'wall_ac' | 'cpu_package', rate: number) => {
    store.createRun(newRun({ id, build: gcc }));
    store.appendMany(id, [{ ...sample(1, 'energy_per_token', rate), source: scope, scope } as JournalRecord, sample(2, 'decode_rate', rate), end(3)]);
  };
  add('a', 'wall_ac', 3);
  add('b', 'cpu_package', 1);
  add('c', 'wall_ac', 4);
  const compared = async (candidate: string) =>
    (await ask(url, `/api/compare?baseline=a&candidate=${candidate}`)).json.comparisons.map(({ metric }: { metric: string }) => metric);
  assert.deepEqual(await compared('b'), ['decode_rate']);
  assert.deepEqual(await compared('c'), ['decode_rate', 'energy_per_token']);
});

test('GET /api/devices joins declared and measured ones and keeps how to log in to itself', async (t) => {
  const declared = Device.parse({ id: 'pi', title: 'Pi', host: 'pi.lan', user: 'somebody', identity: '/keys/id', password_env: 'PW', tags: ['arm'] });
  const { url, store } = await dashboard(t, { inventory: async () => ({ devices: [declared], profiles: {} }) });
  store.saveFacts({ id: 'local', title: 'here' }, FACTS);
  const { json, text } = await ask(url, '/api/devices');
  assert.deepEqual(
    json.devices.map((device: Record<string, unknown>) => [device.id, device.title, device.declared, device.runs]),
    [
      ['local', 'here', false, 0],
      ['pi', 'Pi', true, 0],
    ],
  );
  for (const secret of ['pi.lan', 'somebody', '/keys/id', 'PW']) assert.ok(!text.includes(secret), secret);
});

test('a reader of device files that throws at once is no reason to fail', async (t) => {
  const { url } = await dashboard(t, {
    inventory: () => {
      throw new Error('no folder');
    },
  });
  assert.deepEqual((await ask(url, '/api/devices')).json, { devices: [], problem: 'no folder' });
});

test('a device file with a mistake becomes a sentence beside the measured devices', async (t) => {
  const { url, store } = await dashboard(t, { inventory: () => Promise.reject(new Error('pi.yaml: "hots" is unknown')) });
  store.saveFacts({ id: 'local', title: undefined }, FACTS);
  const { status, json } = await ask(url, '/api/devices');
  assert.equal(status, 200);
  assert.equal(json.problem, 'pi.yaml: "hots" is unknown');
  assert.equal(json.devices.length, 1);
});

test('the published rows are served one a figure, with source and grade', async (t) => {
  const published = publishedOf(file);
  const { url } = await dashboard(t, { published });
  const { json } = await ask(url, '/api/published');
  assert.deepEqual(json, published);
  for (const row of json.rows) assert.ok(row.id && row.device && row.metric && row.source && /^[A-D]$/.test(row.grade), row.id);
});

test('GET /metrics is what Prometheus reads, of the runs measured here', async (t) => {
  const { url, store } = await dashboard(t);
  store.createRun(newRun({ id: 'a', device: 'pi' }));
  store.appendMany('a', [sample(1, 'decode_rate', 9), end(2)]);
  const { status, headers, text } = await ask(url, '/metrics');
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  assert.match(text, /^# TYPE fleet_decode_rate_tokens_per_second gauge\nfleet_decode_rate_tokens_per_second\{device="pi",.*\} 9$/m);
  assert.equal((await ask(url, '/metrics?x=1')).status, 400);
  const { url: without } = await dashboard(t, { metrics: undefined });
  assert.equal((await ask(without, '/metrics')).status, 404);
});

test('GET /api/compare without sides gives what was made in pairs, judged', async (t) => {
  const { url, store } = await dashboard(t);
  const side = { toolchain: 'gcc-12', ...gcc, code: 'c1' };
  store.createComparison(newComparison({ baseline: side, candidate: { ...side, ...clang, toolchain: 'clang-19', code: 'c2' } }));
  for (let pair = 1; pair <= 8; pair++)
    for (const [which, rate] of [
      ['baseline', 10],
      ['candidate', 12],
    ] as const) {
      const id = `${which}-${pair}`;
      store.createRun(newRun({ id, build: which === 'baseline' ? gcc : clang, toolchain: which === 'baseline' ? 'gcc-12' : 'clang-19' }));
      store.appendMany(id, [sample(1, 'decode_rate', rate + pair / 100), end(2)]);
      store.addLaunch('c1', pair, which, id);
    }
  assert.deepEqual((await ask(url, '/api/compare')).json.comparisons, [], 'one that still runs is no result');
  store.endComparison('c1', 'ok', null);
  const { comparisons, note } = (await ask(url, '/api/compare?device=local')).json;
  const [row] = comparisons;
  assert.deepEqual([comparisons.length, row.verdict, row.pairs, row.started, row.id, row.baseline], [1, 'faster', 8, 5, 'c1', 'gcc-12:-O3']);
  assert.ok(row.interval[0] > 0.19 && row.interval[1] < 0.21);
  assert.match(note, /^Judged/);
  assert.deepEqual((await ask(url, '/api/compare?device=pi')).json.comparisons, []);
  for (const query of ['?limit=201', '?limit=0', '?threads=x', '?toolchain=gcc-12'])
    assert.equal((await ask(url, `/api/compare${query}`)).status, 400, query);
});

test('GET /api/history gives series with epochs and change points, within limits', async (t) => {
  const { url, store } = await dashboard(t);
  const random = seeded(3);
  storeRuns(store, [...around(20, 12, random), ...around(18, 8, random)], { device: 'pi' });
  storeRuns(store, around(30, 4, random), { device: 'pi', id: 'later', started: 1e9, facts: { ...FACTS, kernel: '6.6.1' } });
  const { series, causes } = (await ask(url, '/api/history?device=pi')).json;
  assert.equal(series.length, 1);
  const [before, after] = series[0].epochs;
  assert.deepEqual([before.runs, after.runs, after.causes], [20, 4, [{ cause: 'kernel', from: '6.1.0', to: '6.6.1' }]]);
  assert.deepEqual([before.changes.length, before.changes[0].run, before.changes[0].verdict, after.changes], [1, 'run-012', 'slower', []]);
  assert.ok(causes.some(({ name }: { name: string }) => name === 'governor'));
  const short = (await ask(url, '/api/history?points=5')).json.series[0].epochs[0];
  assert.deepEqual([short.points.length, short.runs, short.changes.length], [5, 20, 1]);
  assert.deepEqual((await ask(url, '/api/history?metric=prefill_rate')).json.series, []);
  assert.equal((await ask(url, '/api/history?across=code,compiler&limit=2')).json.series[0].epochs[0].runs, 2);
  for (const query of [
    '?metric=speed',
    '?across=kernel',
    '?points=0',
    '?points=99999',
    '?limit=5001',
    '?x=1',
    '?metric=decode_rate,prefill_rate,load_time,peak_rss,power_mean',
  ])
    assert.equal((await ask(url, `/api/history${query}`)).status, 400, query);
});
