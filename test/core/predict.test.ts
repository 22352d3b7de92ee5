import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Pace, predict, type Work } from '../../src/core/predict.ts';
import type { RunSummary } from '../../src/core/run.ts';
import { atEqualPower, StoryRow, toldBy } from '../../src/core/story.ts';
import stories from '../../src/data/stories.json' with { type: 'json' };

const work: Work = { layers: { weights: 2e9, bytesPerWeight: 0.2 }, head: { weights: 3e8, bytesPerWeight: 0.5 }, kv: 1e5 };
const pace: Pace = { bandwidth: 10e9, layers: 1e12, many: 1e12, head: 1e12, memory: null, disk: null };

test('decode waits for memory, arithmetic or the disk, whichever is slowest', () => {
  const fast = predict(work, pace, 500);
  assert.equal(fast.bytes_per_token, 0.4e9 + 0.15e9 + 0.05e9);
  assert.ok(Math.abs(fast.decode_rate - 10e9 / 0.6e9) < 1e-9);
  assert.equal(fast.bound, 'memory');
  assert.equal(fast.prefill_rate, 500);
  const slow = predict(work, { ...pace, layers: 4e9 }, 500);
  assert.ok(Math.abs(1 / slow.decode_rate - (0.5 + 0.02)) < 1e-9);
  assert.equal(slow.bound, 'arithmetic');
  const card = predict(work, { ...pace, memory: 0.5e9, disk: 20e6 }, 500);
  assert.equal(card.bound, 'disk');
  assert.ok(Math.abs(card.decode_rate - 20e6 / 0.6e9) < 1e-9);
  assert.equal(predict(work, { ...pace, memory: 2e9, disk: 20e6 }, 500).bound, 'memory');
});

const run = (model: string, value: number, more: Partial<RunSummary> = {}): RunSummary => ({
  ...{
    id: `${model}-${value}`,
    device: 'pi',
    toolchain: 'cc',
    build: { sha256: '', compiler: '', flags: '', target: '' },
    model,
    suite: 's',
    threads: 2,
  },
  ...{ status: 'ok', message: null, flags: [], started: 0, ended: 0, prompts: {} },
  metrics: { decode_rate: { median: value, p50: value, p95: null, min: value, max: value, n: 1, unit: 'tokens/s' } },
  ...more,
});
const row = StoryRow.parse({ id: 'x', story: 'x', theirs: '2', value: 2, metric: 'decode_rate', model: 'a', suite: 's', command: 'c' });

test('a story is beaten by the newest run that counts, and by no other', () => {
  assert.equal(toldBy(row, []), null);
  assert.deepEqual([toldBy(row, [run('a', 3), run('a', 1)])?.value, toldBy(row, [run('a', 3)])?.beaten], [3, true]);
  assert.equal(toldBy(row, [run('a', 1)])?.beaten, false);
  assert.equal(toldBy(row, [run('a', 9, { flags: ['busy'] }), run('a', 3)])?.value, 3);
  assert.equal(toldBy(row, [run('a', 9, { status: 'failed' }), run('b', 3), run('a', 3, { suite: 't' })]), null);
  assert.equal(toldBy({ ...row, accept: ['busy'] }, [run('a', 9, { flags: ['busy'] })])?.value, 9);
  assert.equal(toldBy(row, [run('a', 9, { flags: ['emulated'] })])?.emulated, true);
  assert.equal(toldBy({ ...row, device: 'other' }, [run('a', 9)]), null);
});

test('a ratio is of two runs of one device with as many threads', () => {
  const ratio = { ...row, over: 'b' };
  assert.equal(toldBy(ratio, [run('a', 9)]), null);
  assert.equal(toldBy(ratio, [run('a', 9), run('b', 3, { threads: 1 }), run('b', 3, { device: 'pc' })]), null);
  assert.equal(toldBy(ratio, [run('a', 9), run('b', 3)])?.value, 3);
});

test('energy at equal power is the ratio of times a token, and no run tells it', () => {
  const energy = { ...row, metric: 'energy_per_token' as const, over: 'b' };
  const runs = [run('a', 8), run('b', 2)];
  assert.deepEqual(atEqualPower(energy, runs), { value: 0.25, device: 'pi' });
  assert.equal(toldBy(energy, runs), null, 'the row stays open');
  assert.equal(atEqualPower(energy, [run('a', 8)]), null);
  assert.equal(atEqualPower(energy, [run('a', 8), run('b', 2, { device: 'pc' })]), null);
  assert.equal(atEqualPower({ ...energy, over: undefined }, runs), null);
  assert.equal(atEqualPower({ ...row, over: 'b' }, runs), null, 'a row of another metric');
});

test('every story is well formed, and its models differ from row to row where they should', () => {
  const rows = stories.map((story) => StoryRow.parse(story));
  assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
});
