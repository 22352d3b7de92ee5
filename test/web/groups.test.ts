import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bars, bestByDevice, settingsOf, workloads } from '../../web/groups.ts';
import { setting } from '../support/settings.ts';

const of = (device: string, toolchain: string, threads: number, value: number, more = {}) => setting({ device, toolchain, threads, value, ...more });

test('a setting without the metric is none', () => {
  const settings = [of('pi', 'gcc', 2, 9), of('pi', 'gcc', 2, 1, { metric: 'load_time' })];
  assert.deepEqual(
    settingsOf(settings, 'decode_rate').map(({ device, value }) => [device, value]),
    [['pi', 9]],
  );
});

test('a bar is the best of its settings by the direction of the metric; devices stand best first', () => {
  const settings = [of('slow', 'gcc', 1, 1), of('slow', 'gcc', 2, 2), of('fast', 'gcc', 1, 8), of('fast', 'clang', 1, 9)];
  const { categories, series, cell } = bars(settingsOf(settings, 'decode_rate'), 'device', ({ toolchain }) => toolchain, 'decode_rate');
  assert.deepEqual(
    [categories, series],
    [
      ['fast', 'slow'],
      ['clang', 'gcc'],
    ],
  );
  assert.equal(cell('slow', 'gcc')?.value, 2);
  assert.equal(cell('slow', 'clang'), undefined);
  const latencies = ['slow', 'slow', 'fast', 'fast'].map((device, i) => of(device, 'gcc', i, i + 1, { metric: 'time_to_first_token' }));
  const lower = bars(settingsOf(latencies, 'time_to_first_token'), 'device', () => '', 'time_to_first_token');
  assert.deepEqual(lower.categories, ['slow', 'fast']);
  assert.equal(lower.cell('slow', '')?.value, 1);
  assert.deepEqual(bars(settingsOf(settings, 'decode_rate'), 'threads', ({ device }) => device, 'decode_rate').categories, ['1', '2']);
  assert.deepEqual(
    bestByDevice(settingsOf(settings, 'decode_rate'), 'decode_rate').map(({ device, value }) => [device, value]),
    [
      ['fast', 9],
      ['slow', 2],
    ],
  );
});

test('only one workload is charted: the one measured in the most settings', () => {
  const settings = [of('pi', 'gcc', 1, 1, { model: 'tiny' }), of('pi', 'gcc', 1, 3), of('pi', 'gcc', 2, 3)];
  assert.deepEqual(
    workloads(settings).map(({ model, runs }) => [model, runs]),
    [
      ['m', 2],
      ['tiny', 1],
    ],
  );
});

test('numbers keep three significant digits in the locale, and a range says its unit once', async () => {
  const { amount, range, plural } = await import('../../web/numbers.ts');
  const point = new Intl.NumberFormat().formatToParts(0.5).find(({ type }) => type === 'decimal')?.value ?? '.';
  const same = (text: string) => text.replace('.', point);
  assert.equal(amount(0.0571, 's'), same('57.1 ms'));
  assert.equal(amount(null, 's'), '–');
  assert.equal(amount(1e-9, 'x'), '1.00e-9 x', 'an exponent is left as it is');
  assert.equal(range(0.101, 0.28, 'inter_token_latency'), '101 – 280 ms');
  assert.equal(range(0.9, 1.2, 'time_to_first_token'), same('900 ms – 1.20 s').replace('1.20', same('1.20')));
  assert.equal(range(1e9, 1e9, 'peak_rss'), same('1.00 GB'));
  assert.equal(plural(1, 'run'), '1 run');
});
