import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoredSetting } from '../../src/core/setting.ts';
import { pointsOf, withQuality } from '../../web/front.ts';
import { roofsOf } from '../../web/roofs.ts';
import { seeded } from '../support/random.ts';
import { setting } from '../support/settings.ts';

/** A setting with several metrics. */
function having(values: Record<string, number>, more: Partial<StoredSetting> = {}, scope: 'wall_ac' | 'cpu_package' | null = null): StoredSetting {
  const metrics = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      { value, low: value, high: value, runs: 1, n: 1, run: 'r', scope: name.startsWith('energy') ? scope : null },
    ]),
  );
  return { ...setting({ value: 1 }), metrics, ...more };
}

test('the front holds exactly what nothing else beats in both metrics, whichever way is better', () => {
  const random = seeded(7);
  const settings = Array.from({ length: 200 }, () => having({ decode_rate: Math.floor(random() * 30), energy_per_token: Math.floor(random() * 30) }));
  const { points } = pointsOf(settings, 'decode_rate', 'energy_per_token');
  assert.equal(points.length, 200);
  const beats = (a: (typeof points)[number], b: (typeof points)[number]) =>
    a.x.value >= b.x.value && a.y.value <= b.y.value && (a.x.value > b.x.value || a.y.value < b.y.value);
  for (const point of points) {
    const beaten = points.some((other) => beats(other, point));
    const twin = points.some((other) => other.best && other.x.value === point.x.value && other.y.value === point.y.value);
    assert.equal(point.best || twin, !beaten, `${point.x.value}, ${point.y.value}`);
  }
});

test('energies of two scopes are not drawn together, and an invalid setting is not drawn', () => {
  const settings = [
    having({ decode_rate: 1, energy_per_token: 1 }, {}, 'wall_ac'),
    having({ decode_rate: 2, energy_per_token: 2 }, {}, 'wall_ac'),
    having({ decode_rate: 3, energy_per_token: 3 }, {}, 'cpu_package'),
    having({ decode_rate: 4, energy_per_token: 4 }, { valid: false }, 'wall_ac'),
    having({ decode_rate: 5 }),
  ];
  const { points, apart, scope } = pointsOf(settings, 'decode_rate', 'energy_per_token');
  assert.deepEqual([points.length, apart, scope], [2, 1, 'wall_ac']);
});

test('quality is that of the model, in the suite that most models were evaluated in', () => {
  const standing = (value: number) => ({ value, low: value, high: value, runs: 1, n: 1, run: 'q', scope: null });
  const quality = [
    { model: 'a', suite: 'eval', metrics: { perplexity: standing(10), kl_divergence: standing(0.1) } },
    { model: 'b', suite: 'eval', metrics: { perplexity: standing(20) } },
    { model: 'c', suite: 'eval-other', metrics: { perplexity: standing(1) } },
  ];
  const settings = [
    having({ decode_rate: 1 }, { model: 'a', device: 'pi' }),
    having({ decode_rate: 2 }, { model: 'a', device: 'desktop' }),
    having({ decode_rate: 3 }, { model: 'b' }),
    having({ decode_rate: 4 }, { model: 'c' }),
  ];
  const of = withQuality(settings, quality, ['decode_rate', 'perplexity', '']);
  assert.deepEqual([...of.suites], [['perplexity', 'eval']]);
  const { points } = pointsOf(of.settings, 'decode_rate', 'perplexity');
  assert.deepEqual(
    points.map(({ x, y, best }) => [x.value, y.value, best]),
    [
      [1, 10, false],
      [2, 10, true],
      [3, 20, true],
    ],
  );
  assert.equal(settings[0]?.metrics.perplexity, undefined, 'what was given is not changed');
});

test('a roof is the bandwidth that was measured, else that of the profile, else the most that was seen; a share is of that', () => {
  const settings = [
    having({ decode_rate: 10, bytes_per_token: 1e9, prefill_rate: 50 }, { device: 'pi', model: 'a' }),
    having({ decode_rate: 8, bytes_per_token: 1e9, prefill_rate: 90 }, { device: 'pi', model: 'a', threads: 1 }),
    having({ decode_rate: 16, bytes_per_token: 5e8 }, { device: 'pi', model: 'b' }),
    having({ decode_rate: 10, bytes_per_token: 1e9 }, { device: 'old' }),
    having({ decode_rate: 10 }, { device: 'dumb' }),
    having({ decode_rate: 99, bytes_per_token: 1e9 }, { device: 'old', valid: false }),
    having({ decode_rate: 6, bytes_per_token: 1e9, read_bandwidth: 8e9 }, { device: 'read' }),
    having({ decode_rate: 5, bytes_per_token: 1e9, read_bandwidth: 5e9 }, { device: 'read', threads: 1 }),
  ];
  const [pi, old, read, ...more] = roofsOf(settings, [
    { id: 'pi', bandwidth: 2e10 },
    { id: 'old', bandwidth: null },
    { id: 'read', bandwidth: 1e10 },
  ]);
  assert.deepEqual([read?.bandwidth, read?.origin, read?.expected, read?.points[0]?.share], [8e9, 'measured', 1e10, 0.75]);
  assert.equal(more.length, 0);
  assert.deepEqual([pi?.device, pi?.bandwidth, pi?.origin, pi?.compute], ['pi', 2e10, 'profile', 90e9]);
  assert.deepEqual(
    pi?.points.map(({ setting: { model }, rate, share }) => [model, rate, share]),
    [
      ['a', 10, 0.5],
      ['b', 16, 0.4],
    ],
  );
  assert.deepEqual([old?.bandwidth, old?.origin, old?.compute, old?.points[0]?.share], [1e10, 'seen', null, 1]);
});
