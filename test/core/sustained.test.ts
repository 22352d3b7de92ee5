import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sustainedOf } from '../../src/core/sustained.ts';

/** Requests of 20 s each. */
const run = (...rates: number[]) => sustainedOf(rates.map((rate, i) => ({ begin: 20 * i, rate })));

test('the first minute, the last third, and when it got slower for good', () => {
  assert.deepEqual(run(10, 10, 10, 10, 10, 10, 8, 6, 6, 6, 6, 6), { burst: 10, sustained: 6, throttled: 100 });
  assert.deepEqual(run(10, 10, 10, 10, 10, 9.8, 9.9, 9.9, 10), { burst: 10, sustained: 9.9, throttled: null });
  assert.equal(run(10, 10, 10, 10, 5, 10, 10, 10, 10)?.throttled, null, 'one slow request is no throttling');
  assert.equal(run(10, 10, 10, 10, 10, 10, 10, 10, 5)?.throttled, null, 'nor is a last one');
});

test('of two requests nothing can be said', () => {
  assert.equal(run(10, 5), null);
  assert.equal(run(), null);
});
