import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bars, bestByDevice, settingsOf, workloads } from '../../web/groups.ts';
import { metricsOf, summary } from '../support/summaries.ts';

const build = (sha256: string) => ({ sha256, compiler: 'c', flags: '', target: 'x86_64-linux' });
const run = (device: string, toolchain: string, threads: number, rate: number, more = {}) =>
  summary({
    id: `${device}-${toolchain}-${threads}-${rate}`,
    device,
    toolchain,
    threads,
    build: build(toolchain),
    metrics: metricsOf({ decode_rate: rate }, 1),
    ...more,
  });

test('runs of one binary and setting are one setting: median of medians, widest spread', () => {
  const [setting, ...more] = settingsOf([run('pi', 'gcc', 2, 9), run('pi', 'gcc', 2, 30), run('pi', 'gcc', 2, 10)], 'decode_rate');
  assert.equal(more.length, 0);
  assert.deepEqual([setting?.value, setting?.low, setting?.high, setting?.runs.length], [10, 9, 30, 3]);
});

test('another binary, model, suite or number of threads is another setting; a run without the metric is none', () => {
  const first = run('pi', 'gcc', 2, 9);
  const others = [{ build: build('new') }, { model: 'm' }, { suite: 's' }, { threads: 1 }, { metrics: {} }].map((more) => ({ ...first, ...more }));
  assert.equal(settingsOf([first, ...others], 'decode_rate').length, 5);
});

test('a bar is the best of its settings by the direction of the metric; devices stand best first', () => {
  const runs = [run('slow', 'gcc', 1, 1), run('slow', 'gcc', 2, 2), run('fast', 'gcc', 1, 8), run('fast', 'clang', 1, 9)];
  const { categories, series, cell } = bars(settingsOf(runs, 'decode_rate'), 'device', ({ toolchain }) => toolchain, 'decode_rate');
  assert.deepEqual(
    [categories, series],
    [
      ['fast', 'slow'],
      ['clang', 'gcc'],
    ],
  );
  assert.equal(cell('slow', 'gcc')?.value, 2);
  assert.equal(cell('slow', 'clang'), undefined);
  const latencies = runs.map((each, i) => ({ ...each, metrics: metricsOf({ time_to_first_token: i + 1 }, 1) }));
  const lower = bars(settingsOf(latencies, 'time_to_first_token'), 'device', () => '', 'time_to_first_token');
  assert.deepEqual(lower.categories, ['slow', 'fast']);
  assert.equal(lower.cell('slow', '')?.value, 1);
  assert.deepEqual(bars(settingsOf(runs, 'decode_rate'), 'threads', ({ device }) => device, 'decode_rate').categories, ['1', '2']);
  assert.deepEqual(
    bestByDevice(settingsOf(runs, 'decode_rate'), 'decode_rate').map(({ device, value }) => [device, value]),
    [
      ['fast', 9],
      ['slow', 2],
    ],
  );
});

test('only one workload is charted: the one measured in the most settings', () => {
  const runs = [run('pi', 'gcc', 1, 1, { model: 'tiny' }), run('pi', 'gcc', 1, 2, { model: 'tiny' }), run('pi', 'gcc', 1, 3), run('pi', 'gcc', 2, 3)];
  assert.deepEqual(
    workloads(runs).map(({ model, runs }) => [model, runs.length]),
    [
      ['bitnet-2b-4t', 2],
      ['tiny', 2],
    ],
  );
});

test('numbers keep three significant digits in the locale, and a range says its unit once', async () => {
  const { amount, range, plural } = await import('../../web/numbers.ts');
  const german = new Intl.NumberFormat().resolvedOptions().locale.startsWith('de');
  const same = (text: string) => (german ? text.replace('.', ',') : text);
  assert.equal(amount(0.0571, 's'), same('57.1 ms'));
  assert.equal(amount(null, 's'), '–');
  assert.equal(amount(1e-9, 'x'), '1.00e-9 x', 'an exponent is left as it is');
  assert.equal(range(0.101, 0.28, 'inter_token_latency'), '101 – 280 ms');
  assert.equal(range(0.9, 1.2, 'time_to_first_token'), same('900 ms – 1.20 s').replace('1.20', same('1.20')));
  assert.equal(range(1e9, 1e9, 'peak_rss'), same('1.00 GB'));
  assert.equal(plural(1, 'run'), '1 run');
});
