import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ascending, gaps, headline, median, P95_MINIMUM, quantile, summarise } from '../../src/core/stats.ts';
import { anyDouble, seeded } from '../support/random.ts';

test('quantile is type 7: values of R quantile(x, p, type = 7)', () => {
  const x = [1, 2, 4, 8, 16]; // h = 4 p
  assert.equal(quantile(x, 0), 1);
  assert.equal(quantile(x, 0.25), 2);
  assert.equal(quantile(x, 0.5), 4);
  assert.equal(quantile(x, 0.9), 12.8); // h = 3.6: 8 + 0.6 * 8
  assert.ok(Math.abs(quantile(x, 0.95) - 14.4) < 1e-12); // h = 3.8
  assert.equal(quantile(x, 1), 16);
  assert.equal(quantile([3], 0.95), 3);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

test('median: odd, even, unsorted, numbers that sort wrongly as text', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([10, 9, 2, 1]), 5.5);
  assert.equal(median([100, 20, 3]), 20);
});

test('p95 only from 20 values on', () => {
  const values = (n: number) => Array.from({ length: n }, (_, i) => i);
  assert.equal(P95_MINIMUM, 20);
  assert.equal(summarise(values(19), 's')?.p95, null);
  assert.ok(Math.abs((summarise(values(20), 's')?.p95 ?? 0) - 18.05) < 1e-12); // h = 19 * 0.95
  assert.equal(summarise([], 's'), null);
});

test('property: a quantile lies between its neighbours, rises with p, and does not depend on order', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed);
    const values = Array.from({ length: 1 + Math.floor(random() * 40) }, () => (seed % 2 ? anyDouble(random) : Math.floor(random() * 5)));
    const sorted = ascending(values);
    let last = Number.NEGATIVE_INFINITY;
    for (let p = 0; p <= 1; p += 1 / 64) {
      const found = quantile(sorted, p);
      const h = (sorted.length - 1) * p;
      assert.ok(found >= (sorted[Math.floor(h)] as number) && found <= (sorted[Math.ceil(h)] as number), `seed ${seed}, p ${p}`);
      assert.ok(found >= last, `seed ${seed}, p ${p}`);
      last = found;
    }
    const summary = summarise(values, 'B');
    assert.deepEqual(summarise([...values].reverse(), 'B'), summary);
    assert.equal(summary?.min, Math.min(...values));
    assert.equal(summary?.max, Math.max(...values));
    assert.equal(summary?.n, values.length);
    assert.equal(summary?.median, median(values));
  }
});

test('summarise leaves its input alone', () => {
  const values = [3, 1, 2];
  summarise(values, 's');
  assert.deepEqual(values, [3, 1, 2]);
});

test('the headline follows the table of metrics', () => {
  const summary = { median: 2, p50: 2, p95: null, min: 1, max: 3, n: 3, unit: '' };
  assert.equal(headline('decode_rate', summary), 2);
  assert.equal(headline('peak_rss', summary), 3);
  assert.equal(headline('frequency_min', summary), 1);
});

test('n time stamps have n - 1 gaps', () => {
  assert.deepEqual(gaps([1, 1.5, 4]), [0.5, 2.5]);
  assert.deepEqual(gaps([1]), []);
  assert.deepEqual(gaps([]), []);
});
