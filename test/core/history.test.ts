import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clipped, type HistoryRun, histories } from '../../src/core/history.ts';
import { around, CODE, nightly } from '../support/history.ts';
import { seeded } from '../support/random.ts';
import { FACTS } from '../support/runs.ts';

const METRICS = { metrics: ['decode_rate' as const] };
const only = (runs: readonly HistoryRun[], options: Parameters<typeof histories>[1] = METRICS) => {
  const series = histories(runs, options);
  assert.equal(series.length, 1);
  return series[0] as (typeof series)[number];
};

describe('history', () => {
  it('tells a change point with its medians, the runs around it and its direction, in any order of the runs', () => {
    const random = seeded(1);
    const runs = nightly([...around(20, 12, random), ...around(18, 6, random)]);
    const { epochs, build, unit } = only([...runs].reverse());
    assert.deepEqual([epochs.length, build, unit], [1, 'gcc-12:-O3 -march=native', 'tokens/s']);
    const [change] = epochs[0]?.changes ?? [];
    assert.deepEqual(
      [change?.run, change?.lastBefore, change?.verdict, change?.status, change?.last],
      ['run-12', 'run-11', 'slower', 'unconfirmed', true],
    );
    assert.ok(Math.abs((change?.change ?? 0) + 0.1) < 0.01);
    assert.equal(only(runs).epochs[0]?.points.length, 18);
    assert.deepEqual(
      clipped(only(runs), 2).epochs[0]?.points.map(({ run }) => run),
      ['run-16', 'run-17'],
    );
  });

  it('never looks across epochs, and says what began one', () => {
    const random = seeded(2);
    const before = nightly(around(20, 10, random));
    const after = nightly(around(15, 10, random), { epoch: 'e2', facts: { ...FACTS, kernel: '6.6.1', governor: 'powersave' } }, 10);
    const { epochs } = only([...before, ...after]);
    assert.deepEqual(
      epochs.map(({ runs, changes }) => [runs, changes.length]),
      [
        [10, 0],
        [10, 0],
      ],
    );
    assert.deepEqual(
      epochs.map(({ causes }) => causes.map(({ cause }) => cause)),
      [[], ['governor', 'kernel']],
    );
    const newCode = nightly(around(15, 10, random), { code: 'd'.repeat(64) }, 10);
    assert.deepEqual(only([...before, ...newCode]).epochs[1]?.causes, [{ cause: 'code', from: CODE, to: 'd'.repeat(64) }]);
    const [across] = only([...before, ...newCode], { ...METRICS, across: ['code'] }).epochs;
    assert.deepEqual([across?.runs, across?.code, across?.changes[0]?.run], [20, null, 'run-10']);
  });

  it('keeps epochs whole where two builds take turns, and leaves such launches out where it goes across builds', () => {
    const random = seeded(3);
    const runs = around(20, 20, random).flatMap((rate, i) =>
      nightly([i % 2 ? rate : 0.8 * rate], { launch: true, code: i % 2 ? CODE : 'd'.repeat(64) }, i),
    );
    const { epochs } = only(runs);
    assert.deepEqual(
      epochs.map(({ runs, changes }) => [runs, changes.length]),
      [
        [10, 0],
        [10, 0],
      ],
    );
    assert.deepEqual(histories(runs, { ...METRICS, across: ['code'] }), []);
  });

  it('a rerun confirms a change or shows that it passed', () => {
    const random = seeded(4);
    const shifted = nightly([...around(20, 14, random), ...around(18, 6, random)]);
    const status = (value: number) => {
      const [change] = only([...shifted, ...nightly([value], { rerunOf: ['decode_rate'] }, 20)]).epochs[0]?.changes ?? [];
      return [change?.status, change?.rerun];
    };
    assert.deepEqual(status(18), ['confirmed', 'run-20']);
    assert.deepEqual(status(20), ['passed', 'run-20']);
    const [other] = only([...shifted, ...nightly([18], { rerunOf: ['prefill_rate'] }, 20)]).epochs[0]?.changes ?? [];
    assert.equal(other?.status, 'unconfirmed', 'a rerun is for its metric');
  });

  it('leaves out invalid runs, what does not count, and keeps conditions apart', () => {
    const random = seeded(5);
    const small = nightly([...around(20, 30, random, 0.001), ...around(19.8, 30, random, 0.001)]);
    assert.deepEqual(only(small).epochs[0]?.changes, [], 'one percent is below the threshold of decode');
    const invalid = nightly(around(10, 10, random), { flags: ['busy'] }, 60);
    assert.equal(only([...small, ...invalid]).epochs[0]?.runs, 60);
    for (const change of [{ device: 'pi' }, { threads: 1 }, { suite: 'smoke' }, { suiteVersion: 2 }, { cpus: '0' }, { model: 'tiny' }])
      assert.equal(histories([...small, ...nightly([20], change)], METRICS).length, 2, JSON.stringify(change));
    assert.deepEqual(histories(small, { metrics: ['prefill_rate'] }), []);
  });
});
