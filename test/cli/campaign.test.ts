import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Planned } from '../../src/cli/bench_device.ts';
import { campaign, orderOf } from '../../src/cli/campaign.ts';
import { comparisonRows, type Side } from '../../src/core/comparison.ts';
import type { FlagName } from '../../src/core/flags.ts';
import { noiseOf } from '../../src/core/noise.ts';
import { comparisonTable } from '../../src/report/comparison.ts';
import { openStore } from '../../src/store/store.ts';
import { databasePath } from '../support/database.ts';
import { normal, seeded } from '../support/random.ts';
import { newRun } from '../support/runs.ts';

const PLANS = { baseline: planOf('gcc-12', 'a', 'code-a'), candidate: planOf('clang-19', 'b', 'code-b') };

function planOf(toolchain: string, digit: string, code: string | null): Planned {
  const build = {
    id: digit,
    toolchain,
    compiler: toolchain,
    target: 'x86_64-linux' as const,
    flags: '',
    path: 'trit',
    sha256: digit.repeat(64),
    bytes: 1,
    code,
  };
  return { spec: { toolchain, flags: '' }, build, binary: '/trit', threads: 2 };
}

/** A device whose launches take no time: each gives a decode rate and whatever flag is wanted. */
function device(t: TestContext, rate: (side: Side, launch: number) => number, flag: (launch: number) => FlagName | null = () => null) {
  const store = openStore(databasePath(t));
  const order: string[] = [];
  const lane = {
    device: { id: 'pi' },
    async run({ build, threads }: Planned) {
      const side = build.sha256.startsWith('a') ? ('baseline' as const) : ('candidate' as const);
      const id = `run-${order.push(side)}`;
      const { toolchain } = build;
      store.createRun(newRun({ id, device: 'pi', toolchain, build, threads, started: order.length }));
      const value = rate(side, order.length);
      store.append(id, {
        ...{ seq: 1, wall: 1, mono: 1, kind: 'sample', metric: 'decode_rate', value, prompt: 'p', launch: 0, repetition: 0, warmup: false },
      });
      const raised = flag(order.length);
      if (raised) store.addFlag(id, raised, 'seen');
      store.finish(id, 'ok', null);
      return id;
    },
  };
  const options = {
    ...{ store, signal: new AbortController().signal, model: 'tiny', suite: { name: 'pair', version: 1 }, epoch: null },
    seed: 1, // the order of the sides decides which of them the noise falls on
    ...{ metrics: ['decode_rate'] as ['decode_rate'], noiseOf: () => null },
  };
  return { store, order, lane, options };
}

const rowsOf = (store: ReturnType<typeof openStore>) => comparisonRows(store.comparisons(), () => null);

describe('campaign', () => {
  it('stops at the first look that settles it, warm-up left out, and stores every launch', async (t) => {
    const random = seeded(3);
    const { store, order, lane, options } = device(t, (side) => (side === 'candidate' ? 11 : 10) * (1 + 0.01 * normal(random)));
    const id = await campaign(lane, PLANS, options);
    const [comparison] = store.comparisons({ id });
    assert.equal(order.length, 2 * (8 + 1));
    assert.equal(comparison?.launches.length, 18);
    assert.equal(comparison?.status, 'ok');
    const [row] = rowsOf(store);
    assert.equal(row?.verdict, 'faster');
    assert.equal(row?.pairs, 8);
    assert.ok(Math.abs((row?.change ?? 0) - 0.1) < 0.02);
    assert.match(comparisonTable(rowsOf(store)), /clang-19 against gcc-12[\s\S]*Decode[\s\S]*\+\d+\.\d %[\s\S]*faster/);
    store.close();
  });

  it('goes on to the last look where the noise hides everything, and says unknown', async (t) => {
    const random = seeded(5);
    const { store, order, lane, options } = device(t, () => 10 * Math.exp(0.2 * normal(random)));
    await campaign(lane, PLANS, options);
    assert.equal(order.length, 2 * (20 + 1));
    const [row] = rowsOf(store);
    assert.equal(row?.verdict, 'unknown');
    assert.match(row?.note ?? '', /not settled after 20 pairs/);
    store.close();
  });

  it('what was not settled by its first metric is no note of another that was', async (t) => {
    const { store, lane, options } = device(t, (side) => (side === 'candidate' ? 11 : 10));
    await campaign(lane, PLANS, options);
    const comparisons = store.comparisons({}).map((comparison) => ({ ...comparison, message: 'not settled after 20 pairs, the last look' }));
    assert.deepEqual(
      comparisonRows(comparisons, () => null).map(({ verdict, note }) => [verdict, note]),
      [['faster', null]],
    );
    store.close();
  });

  it('an invalid launch takes its pair out and another is made; too many end the comparison as failed', async (t) => {
    const once = device(
      t,
      (side) => (side === 'candidate' ? 9 : 10),
      (launch) => (launch === 5 ? 'swapped' : null),
    );
    await campaign(once.lane, PLANS, once.options);
    const [row] = rowsOf(once.store);
    assert.deepEqual([row?.verdict, row?.pairs, row?.invalidPairs], ['slower', 8, 1]);
    once.store.close();
    const always = device(
      t,
      () => 10,
      (launch) => (launch % 2 ? 'swapped' : 'governor'), // in every pair one that takes it out, and one that does not
    );
    await campaign(always.lane, PLANS, always.options);
    const [comparison] = always.store.comparisons();
    assert.equal(comparison?.status, 'failed');
    assert.match(comparison?.message ?? '', /^8 pairs had an invalid run \(swapped\):/);
    assert.equal(rowsOf(always.store)[0]?.verdict, 'unknown');
    always.store.close();
  });

  it('two builds that run the same instructions get no verdict and no launch', async (t) => {
    const { store, order, lane, options } = device(t, () => 10);
    await campaign(lane, { baseline: planOf('gcc-12', 'a', 'same'), candidate: planOf('gcc-13', 'b', 'same') }, options);
    assert.equal(order.length, 0);
    assert.equal(rowsOf(store)[0]?.verdict, 'same code');
    store.close();
  });

  it('a build against itself gives the noise of the device, which then raises what counts', async (t) => {
    const random = seeded(9);
    const { store, order, lane, options } = device(t, () => 10 * Math.exp(0.03 * normal(random)));
    await campaign(lane, { baseline: PLANS.baseline, candidate: PLANS.baseline }, options);
    assert.equal(order.length, 2 * (8 + 1));
    const conditions = { device: 'pi', model: 'tiny', suite: 'pair', threads: 2, epoch: null };
    const noise = noiseOf(store, conditions, 'decode_rate');
    assert.ok(noise !== null && noise > 0.005 && noise < 0.12, String(noise));
    assert.equal(noiseOf(store, { ...conditions, epoch: 'another' }, 'decode_rate'), null);
    assert.equal(comparisonRows(store.comparisons(), () => noise)[0]?.threshold, Math.max(0.02, noise));
    store.close();
  });

  it('a lost device ends it as failed with what it has; Ctrl-C as cancelled', async (t) => {
    const lost = device(t, () => 10);
    const { run } = lost.lane;
    lost.lane.run = (plan) => (lost.order.length < 4 ? run(plan) : Promise.reject(new Error('the link is gone')));
    await assert.rejects(campaign(lost.lane, PLANS, lost.options), /link is gone/);
    assert.deepEqual([lost.store.comparisons()[0]?.status, lost.store.comparisons()[0]?.launches.length], ['failed', 4]);
    lost.store.close();
    const stopped = device(t, () => 10);
    const stop = new AbortController();
    const inner = stopped.lane.run;
    stopped.lane.run = async (plan) => {
      if (stopped.order.length === 5) stop.abort();
      return inner(plan);
    };
    await campaign(stopped.lane, PLANS, { ...stopped.options, signal: stop.signal });
    assert.equal(stopped.store.comparisons()[0]?.status, 'cancelled');
    stopped.store.close();
  });

  it('alternates ABBA or BAAB, from a start that the seed decides', () => {
    const starts = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      for (let block = 0; block < 5; block++) {
        const [first, second] = [orderOf(2 * block + 1, seed), orderOf(2 * block + 2, seed)];
        assert.notEqual(first[0], second[0]);
        assert.notEqual(first[0], first[1]);
      }
      starts.add(orderOf(1, seed)[0] as string);
    }
    assert.equal(starts.size, 2);
  });
});
