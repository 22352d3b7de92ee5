import assert from 'node:assert/strict';
import { test } from 'node:test';
import { duration, number, percent, plural, quantity } from '../../src/core/format.ts';
import { anyDouble, seeded } from '../support/random.ts';

const QUANTITIES: readonly (readonly [value: number | null, unit: string, text: string])[] = [
  [0.0571, 's', '57.1 ms'],
  [0.9996, 's', '1.00 s'],
  [0.99949, 's', '999 ms'],
  [12.34, 's', '12.3 s'],
  [3.2e-7, 's', '320 ns'],
  [0, 's', '0 s'],
  [-0.25, 's', '-250 ms'],
  [1.19e9, 'B', '1.19 GB'],
  [999, 'B', '999 B'],
  [999_999, 'B', '1.00 MB'],
  [21.6e9, 'B/s', '21.6 GB/s'],
  [1.8e9, 'Hz', '1.80 GHz'],
  [17.34, 'tokens/s', '17.3 tokens/s'],
  [1234.5, 'tokens/s', '1235 tokens/s'],
  [0.0123, 'tokens/s', '0.0123 tokens/s'],
  [3, 'count', '3'],
  [61.25, 'degC', '61.3 °C'],
  [0.26, 'J', '260 mJ'],
  [null, 's', '–'],
  [Number.NaN, 's', '–'],
  [Number.POSITIVE_INFINITY, 'B', '–'],
];

for (const [value, unit, text] of QUANTITIES) {
  test(`${value} ${unit} is shown as ${text}`, () => assert.equal(quantity(value, unit), text));
}

test('property: a shown number is within half a unit of its third digit', () => {
  for (let seed = 1; seed <= 2000; seed++) {
    const random = seeded(seed);
    const value = seed % 2 ? anyDouble(random) : (random() - 0.5) * 10 ** Math.floor(random() * 12 - 5);
    const shown = Number(number(value));
    assert.ok(Math.abs(shown - value) <= Math.abs(value) * 0.0051, `seed ${seed}: ${value} is shown as ${number(value)}`);
    assert.ok(number(value).length <= 16, number(value));
  }
});

test('changes', () => {
  assert.equal(percent(0.0324), '+3.2 %');
  assert.equal(percent(-0.5), '−50.0 %');
  assert.equal(percent(0), '+0.0 %');
  assert.equal(percent(null), '?');
});

test('so many of something', () => {
  assert.deepEqual(
    [0, 1, 2].map((n) => plural(n, 'run')),
    ['0 runs', '1 run', '2 runs'],
  );
});

test('durations', () => {
  assert.equal(duration(4.24), '4.2 s');
  assert.equal(duration(9.96), '10 s');
  assert.equal(duration(59.6), '1 min 0 s');
  assert.equal(duration(245), '4 min 5 s');
  assert.equal(duration(7799), '2 h 10 min');
  assert.equal(duration(-1), '–');
});
