import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rankSum } from '../../src/core/rank_sum.ts';
import { normal, seeded } from '../support/random.ts';

describe('rank-sum procedure', () => {
  it('agrees with counting all orders', () => {
    const [a, b] = [
      [1.1, 2.7, 0.4, 3.9],
      [5.2, 3.1, 4.6],
    ];
    const all = [...a, ...b];
    const ahead = (second: readonly number[], first: readonly number[]) => second.reduce((sum, y) => sum + first.filter((x) => x < y).length, 0);
    const seen = ahead(b, a);
    let [low, high, orders] = [0, 0, 0];
    for (let mask = 0; mask < 1 << all.length; mask++) {
      const second = all.filter((_, i) => mask & (1 << i));
      if (second.length !== b.length) continue;
      const count = ahead(
        second,
        all.filter((_, i) => !(mask & (1 << i))),
      );
      orders++;
      if (count <= seen) low++;
      if (count >= seen) high++;
    }
    const { p, estimate } = rankSum(a, b);
    assert.ok(Math.abs(p - Math.min(1, (2 * Math.min(low, high)) / orders)) < 1e-12, `p ${p}`);
    const differences = b.flatMap((y) => a.map((x) => y - x)).sort((x, y) => x - y);
    assert.ok(Math.abs(estimate - ((differences[5] as number) + (differences[6] as number)) / 2) < 1e-12);
  });

  it('agrees with a published example and with R', () => {
    // Permeability constants of Hollander and Wolfe (1973): R's wilcox.test(x, y, conf.int = TRUE) gives W = 35, p = 0.2544, difference 0.305,
    // 95 % interval -0.15 to 0.76.
    const x = [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
    const y = [1.15, 0.88, 0.9, 0.74, 1.21];
    const { estimate, interval, p } = rankSum(y, x);
    assert.ok(Math.abs(p - 0.2544) < 5e-5, `p ${p}`);
    assert.ok(Math.abs(estimate - 0.305) < 1e-9, `estimate ${estimate}`);
    assert.ok(Math.abs(interval[0] + 0.15) < 1e-9 && Math.abs(interval[1] - 0.76) < 1e-9, `interval ${interval}`);
  });

  it('says nothing where so few values cannot reach the level', () => {
    assert.deepEqual(rankSum([1, 2], [3, 4]).interval, [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
    assert.equal(rankSum([1, 1], [1, 1]).p, 1);
    assert.throws(() => rankSum([], [1]), RangeError);
    assert.throws(() => rankSum([1], [Number.NaN]), RangeError);
  });

  it('covers the truth as often as it says', () => {
    const random = seeded(7);
    const draw = (n: number) => Array.from({ length: n }, () => normal(random));
    for (const [m, n] of [
      [5, 5],
      [4, 9],
      [40, 3],
    ] as const) {
      let covered = 0;
      for (let i = 0; i < 1000; i++) {
        const [low, high] = rankSum(draw(m), draw(n)).interval;
        if (low <= 0 && high >= 0) covered++;
      }
      assert.ok(covered / 1000 >= 0.93, `${m} and ${n}: ${covered / 1000}`);
    }
  });
});
