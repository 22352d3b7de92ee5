import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunDetail, StoredSeries } from '../../src/core/store.ts';
import { timelineOf } from '../../src/core/timeline.ts';

const series = (name: string, times: number[], values: number[], more: Partial<StoredSeries> = {}): StoredSeries => {
  const where = { seq: 1, unit: '', prompt: null, launch: 0, repetition: 0, warmup: false, source: null, scope: null };
  return { ...where, series: name, times, values, ...more };
};
const run = (some: Partial<RunDetail>) => ({ series: [], windows: [], events: [], begun: null, ...some }) as unknown as RunDetail;
const strip = (detail: RunDetail, id: string) => timelineOf(detail)?.strips.find((one) => one.id === id)?.traces ?? [];

test('tokens, memory and sensors stand on the seconds of the run', () => {
  const window = { what: 'sampled', prompt: 'a', launch: 0, repetition: 0, begin: 40, end: 44, first: 42, n_prompt: 8, n_gen: 3 } as const;
  const detail = run({
    begun: 1000,
    windows: [window, { ...window, repetition: 7 }],
    events: [{ seq: 1, wall: 0, mono: 1060, kind: 'phase', data: { phase: 'memory' } }],
    series: [
      series('token_times', [2, 2.5, 3], [], { prompt: 'a', warmup: true }),
      series('token_times', [2, 9], [], { prompt: 'a' }),
      series('rss', [0, 1], [5e8, 6e8], { prompt: 'a' }),
      series('power', [39, 40, 41], [3, 6, 6], { source: 'pmic', scope: 'board_rails_partial' }),
      series('temperature', [39, 41], [50, 51]),
    ],
  });
  assert.deepEqual(strip(detail, 'speed'), [
    {
      name: '',
      estimated: false,
      points: [
        { x: 42.5, y: 2 },
        { x: 43, y: 2 },
        { x: 43, y: Number.NaN },
      ],
    },
  ]);
  assert.deepEqual(strip(detail, 'memory'), [
    {
      name: 'RSS',
      estimated: false,
      points: [
        { x: 60, y: 5e8 },
        { x: 61, y: 6e8 },
      ],
    },
  ]);
  const { from, to, strips, scopes } = timelineOf(detail) ?? assert.fail();
  assert.deepEqual([from, to], [39, 61], 'one span for all of them');
  assert.deepEqual(
    strips.map(({ id }) => id),
    ['power', 'temperature', 'memory', 'speed'],
    'what was not read has no strip',
  );
  assert.deepEqual(scopes, [{ source: 'pmic', scope: 'board_rails_partial' }]);
});

test('a counter is drawn as its slope, an estimate as what it is; lines are broken where nothing was read', () => {
  const rapl = { source: 'rapl', scope: 'cpu_package' } as const;
  const tdp = { source: 'tdp', scope: 'estimate' } as const;
  const detail = run({
    series: [
      series('energy', [0, 1, 2, 3, 50, 51], [0, 4, 8, 12, 20, 26], rapl),
      series('energy', [52, 53], [32, 31], rapl),
      series('power', [0, 1], [9, 9], tdp),
    ],
  });
  const [estimate, counted] = strip(detail, 'power');
  assert.deepEqual(
    counted?.points.map(({ x, y }) => [x, y]),
    [
      [1, 4],
      [2, 4],
      [3, 4],
      [3, Number.NaN],
      [50, 8 / 47],
      [51, 6],
    ],
    'a fall of the counter is no power',
  );
  assert.deepEqual([counted?.name, counted?.estimated], ['rapl', false]);
  assert.deepEqual([estimate?.name, estimate?.estimated], ['tdp, estimate', true]);
});

test('a sustained run has the rate of each request beside that of each token; a run without traces has no time line', () => {
  const window = { what: 'measure', prompt: 'a', launch: 0, repetition: 0, begin: 1, end: 3, first: 2, n_prompt: 8, n_gen: 2 } as const;
  const curve = series('decode_rate', [10, 20], [5, 4], { prompt: 'a' });
  assert.deepEqual(
    strip(run({ series: [curve] }), 'speed').map(({ name }) => name),
    ['of each request'],
  );
  const both = run({ windows: [window], series: [series('token_times', [1, 2], [], { prompt: 'a' }), curve] });
  assert.deepEqual(
    strip(both, 'speed').map(({ name }) => name),
    ['at each token', 'of each request'],
  );
  assert.equal(timelineOf(run({})), null);
  const lies = run({ windows: [window], series: [series('token_times', [2, 2, 1], [], { prompt: 'a' })] });
  assert.ok(
    strip(lies, 'speed').every(({ points }) => points.every(({ y }) => !Number.isFinite(y) || y > 0)),
    'stamps that do not go up are no speed',
  );
});
