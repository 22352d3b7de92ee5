import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { changePoints, MOST_VALUES, SIDE_MINIMUM, SIGNIFICANCE } from '../../src/core/change_point.ts';
import { normal, seeded } from '../support/random.ts';

/** Logarithms of so many values with 2 % noise a run, and a shift from `at` on. */
function series(random: () => number, n: number, { at = n, shift = 0, noise = 0.02 } = {}): number[] {
  return Array.from({ length: n }, (_, i) => noise * normal(random) + (i >= at ? Math.log1p(shift) : 0));
}

describe('change points', () => {
  it('sees one in at most 5 % of flat series, of any length and with heavy tails', (t) => {
    for (const [n, tails] of [
      [12, false],
      [30, false],
      [60, false],
      [30, true],
    ] as const) {
      const random = seeded(11);
      const times = 1000;
      let alarms = 0;
      for (let i = 0; i < times; i++) {
        // one value in ten has five times the noise
        const values = tails ? series(random, n).map((value) => (random() < 0.1 ? 5 * value : value)) : series(random, n);
        if (changePoints(values, i).length > 0) alarms++;
      }
      t.diagnostic(`flat, ${n} runs${tails ? ' with outliers' : ''}: false alarms ${((100 * alarms) / times).toFixed(1)} % of ${times} series`);
      assert.ok(alarms / times <= 0.05);
      assert.ok(alarms / times <= SIGNIFICANCE + 0.012, 'no more than the test allows');
    }
  });

  it('finds a shift of 5 % at 2 % noise at least 9 times of 10, from the eighth run after it on', (t) => {
    for (const [shift, after, least] of [
      [-0.05, 8, 0.9],
      [0.05, 8, 0.9],
      [-0.05, 15, 0.9],
      [-0.1, 4, 0.9],
    ] as const) {
      const random = seeded(13);
      const times = 500;
      let [found, near, more] = [0, 0, 0];
      for (let i = 0; i < times; i++) {
        const points = changePoints(series(random, 20 + after, { at: 20, shift }), i);
        if (points.length > 0) found++;
        if (points.some(({ at }) => Math.abs(at - 20) <= 1)) near++;
        if (points.length > 1) more++;
      }
      const percent = (count: number) => `${((100 * count) / times).toFixed(1)} %`;
      t.diagnostic(
        `shift of ${100 * shift} % at noise 2 %, 20 runs before, ${after} after: found ${percent(found)}, within a run ${percent(near)}, another one ${percent(more)}`,
      );
      assert.ok(found / times >= least);
      assert.ok(more / times <= 0.05);
    }
  });

  it('splits where the energy distance is largest, as the definition has it, whatever the values are', () => {
    const random = seeded(17);
    for (let i = 0; i < 100; i++) {
      const [n, at] = [8 + Math.floor(random() * 40), 4];
      const far = i % 2 ? 0 : 1e6;
      const values = series(random, n, { at: at + Math.floor(random() * (n - 2 * at)), shift: 3 }).map((value) => far + Math.round(value * 50));
      const mean = (a: number[], b: number[], pairs: number) => a.reduce((sum, x) => sum + b.reduce((all, y) => all + Math.abs(x - y), 0), 0) / pairs;
      const energies = Array.from({ length: n + 1 }, (_, k) => {
        if (k < SIDE_MINIMUM || n - k < SIDE_MINIMUM) return 0;
        const [a, b] = [values.slice(0, k), values.slice(k)];
        const within = mean(a, a, a.length * (a.length - 1)) + mean(b, b, b.length * (b.length - 1));
        return ((a.length * b.length) / n) * (2 * mean(a, b, a.length * b.length) - within);
      });
      const best = energies.indexOf(Math.max(...energies));
      const found = changePoints(values, i).map((point) => point.at);
      assert.ok(found.length === 0 || found.includes(best), `${best} is none of ${found}`);
      assert.ok(found.length > 0 || n < 14, `a step of 139 % at ${best} of ${n}`);
    }
  });

  it('finds several, in order, and the same ones for the same seed', () => {
    const random = seeded(5);
    const values = [...series(random, 20), ...series(random, 20, { at: 0, shift: 0.2 }), ...series(random, 20, { at: 0, shift: -0.1 })];
    const points = changePoints(values, 3);
    assert.deepEqual(
      points.map(({ at }) => at),
      [20, 40],
    );
    assert.ok(points.every(({ p }) => p <= SIGNIFICANCE));
    assert.deepEqual(changePoints(values, 3), points);
  });

  it('sees none in what is constant or too short, and bears a clean step', () => {
    assert.deepEqual(changePoints([]), []);
    assert.deepEqual(changePoints(new Array(50).fill(1)), []);
    assert.deepEqual(changePoints([1, 1, 9, 9]), []);
    assert.deepEqual(
      changePoints([...new Array(10).fill(1), ...new Array(10).fill(2)]).map(({ at }) => at),
      [10],
    );
    assert.throws(() => changePoints([1, Number.NaN]), RangeError);
  });

  it('looks at the newest values of a long series, and tells places in the whole', () => {
    const values = [...new Array(100).fill(5), ...new Array(MOST_VALUES - 20).fill(1), ...new Array(20).fill(2)];
    assert.deepEqual(
      changePoints(values).map(({ at }) => at),
      [100 + MOST_VALUES - 20],
    );
    assert.ok(SIDE_MINIMUM >= 2, 'a distance within a side takes two values');
  });
});
