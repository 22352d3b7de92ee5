import assert from 'node:assert/strict';
import { test } from 'node:test';
import { caseOf, implausible, type Measure, memoryOf, orderOf, type Reading, type Round, standings } from '../../src/core/contest.ts';

const measure = (value: number, change: Partial<Measure> = {}): Measure => ({
  ...{ value, peak_rss: null, others: null, bytes_per_token: null, model_bytes: null },
  ...change,
});
const MEMORY: Reading = { cache: 1e6, rates: [{ threads: 2, rate: 30e9 }] };
const round = (number: number, measures: Record<string, Measure>, failures: Record<string, string> = {}, memory: Reading | null = MEMORY): Round => ({
  ...{ model: 'm', case: 'tg64@2', round: number, memory, order: [], measures, failures },
});
const ENGINES = [
  { name: 'ours', rival: false },
  { name: 'other', rival: true },
];

test('cases are read as people write them', () => {
  assert.deepEqual(caseOf('pp512@2'), { id: 'pp512@2', kind: 'prefill', tokens: 512, threads: 2 });
  assert.deepEqual(caseOf('tg64@1'), { id: 'tg64@1', kind: 'decode', tokens: 64, threads: 1 });
  assert.deepEqual(caseOf('start@4'), { id: 'start@4', kind: 'start', tokens: 1, threads: 4 });
  for (const wrong of ['', 'pp512', 'pp0@1', 'tg64@0', 'xx5@1', 'start64@1', 'tg64@1 ']) assert.throws(() => caseOf(wrong), /is no case/, wrong);
});

test('orders come from the seed, go back in every second round, and put nobody first for ever', () => {
  const names = ['a', 'b', 'c', 'd'];
  const rounds = Array.from({ length: 40 }, (_, i) => orderOf(names, 7, i));
  for (const [i, order] of rounds.entries()) {
    assert.deepEqual([...order].sort(), names);
    if (i % 2) assert.deepEqual(order, [...(rounds[i - 1] as string[])].reverse());
  }
  assert.deepEqual(
    rounds,
    Array.from({ length: 40 }, (_, i) => orderOf(names, 7, i)),
  );
  for (const name of names)
    assert.ok(
      rounds.some(([first]) => first === name),
      `${name} is never first`,
    );
  assert.notDeepEqual(
    rounds,
    Array.from({ length: 40 }, (_, i) => orderOf(names, 8, i)),
  );
});

test('ratios are taken within a round; a rival that failed has those of the rounds it finished', () => {
  const rounds = [
    round(0, { ours: measure(20), other: measure(10) }),
    round(1, { ours: measure(6), other: measure(2) }),
    round(2, { ours: measure(30) }, { other: 'it fell over' }),
  ];
  const [ours, other] = standings(caseOf('tg64@2'), ENGINES, rounds);
  assert.equal(ours?.summary?.median, 20);
  assert.deepEqual(ours?.ratios, {});
  assert.equal(other?.summary?.n, 2);
  const ratio = other?.ratios.ours;
  assert.deepEqual([ratio?.median, ratio?.min, ratio?.max, ratio?.n], [2.5, 2, 3, 2]);
  assert.equal(ratio?.interval, null, 'two rounds give no interval');
  assert.equal(other?.failure, 'it fell over');
  const many = Array.from({ length: 8 }, (_, i) => round(i, { ours: measure(20 + i), other: measure(10) }));
  const wide = standings(caseOf('tg64@2'), ENGINES, many)[1]?.ratios.ours;
  const [low, high] = wide?.interval ?? [0, 0];
  assert.ok(2 <= low && low < (wide?.median ?? 0) && (wide?.median ?? 0) < high && high <= 2.7, `${low} ${wide?.median} ${high}`);
  const starts = standings(caseOf('start@2'), ENGINES, [round(0, { ours: measure(0.5), other: measure(2) })]);
  assert.equal(starts[1]?.ratios.ours?.median, 4, 'the shorter start is the better one');
});

test('memory: the share of the bandwidth, and rates that cannot be', () => {
  const rounds = [round(0, { ours: measure(20, { bytes_per_token: 1.2e9, peak_rss: 5 }), other: measure(40, { peak_rss: 7, others: 0.25 }) })];
  const [ours, other] = standings(caseOf('tg64@2'), ENGINES, rounds);
  assert.ok(Math.abs((ours?.bandwidth_share ?? 0) - 0.8) < 1e-12);
  assert.equal(other?.bandwidth_share, null, 'it does not tell what it reads');
  assert.deepEqual([other?.peak_rss, other?.others], [7, 0.25]);
  assert.ok(ours && other);
  assert.equal(implausible(ours, 1.2e9, MEMORY), null);
  assert.equal(implausible(ours, 2.4e9, MEMORY), null, 'it reads half of its file');
  assert.match(implausible(other, 1.2e9, MEMORY) ?? '', /48 GB\/s, and the memory gives 30: it does not compute this model/);
  assert.equal(implausible(other, 0.9e6, MEMORY), null, 'a model that stays in the cache');
  assert.equal(implausible(other, 1.2e9, { cache: 0, rates: [] }), null);
  const small = standings(caseOf('tg64@2'), ENGINES, [round(0, { ours: measure(1e5, { bytes_per_token: 5e5 }) })]);
  assert.equal(small[0]?.bandwidth_share, null, 'it reads from the cache');
});

test('the share of the memory is taken within a round, beside what was read just before it', () => {
  const at = (rate: number): Reading => ({ ...MEMORY, rates: [1e9, rate].map((rate, i) => ({ threads: i + 1, rate })) });
  const ours = (value: number) => ({ ours: measure(value, { bytes_per_token: 1e9 }) });
  const rounds = [round(0, ours(24), {}, at(30e9)), round(1, ours(12), {}, at(20e9)), round(2, ours(36), {}, at(40e9)), round(3, ours(99), {}, null)];
  const share = (some: Round[]) => standings(caseOf('tg64@2'), ENGINES, some)[0]?.bandwidth_share;
  assert.ok(Math.abs((share(rounds) ?? 0) - 0.8) < 1e-12, 'of 80 %, 60 % and 90 %, whatever the rates beside each other');
  assert.equal(share(rounds.slice(3)), null, 'the memory was not read');
  assert.deepEqual(memoryOf(rounds), {
    cache: 1e6,
    rates: [
      { threads: 1, rate: 1e9, min: 1e9, max: 1e9, n: 3 },
      { threads: 2, rate: 30e9, min: 20e9, max: 40e9, n: 3 },
    ],
  });
  assert.deepEqual(memoryOf(rounds.slice(3)), { cache: 0, rates: [] });
});
