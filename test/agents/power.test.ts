import assert from 'node:assert/strict';
import { test } from 'node:test';
import { overheadOf, seriesOf } from '../../agents/power.ts';
import { newTrace, note } from '../../src/core/power_trace.ts';
import { powerOf, silent } from '../../src/core/source.ts';

test('what sampling costs counts as little only where it was shown', () => {
  assert.equal(overheadOf([0.001, -0.002, 0.004]), null);
  assert.match(overheadOf([0.02, 0.03, 0.025]) ?? '', /^decode took 2\.50 % longer with sampling, median of 3 pairs \(2\.00 % to 3\.00 %\)$/);
  assert.match(
    overheadOf([0.053, -0.049, -0.052]) ?? '',
    /^decode took -4\.90 % .*\(-5\.20 % to 5\.30 %\); too few or too uneven to show less than 1 %$/,
  );
  const one = [...Array.from({ length: 19 }, (_, i) => (i - 9) / 1e4), 0.05];
  assert.equal(overheadOf(one), null, 'of many pairs a single bad one says nothing');
  assert.match(overheadOf([]) ?? '', /could not be measured/);
});

test('a trace becomes power where it told power, and energy where it counts; what was silent is in neither', () => {
  const trace = newTrace({ name: 'plug', scope: 'wall_ac', detail: '', period: 1, refresh: 1, read: async () => silent('-'), close: async () => {} });
  note(trace, 0, { watts: 5, joules: 0, why: null });
  note(trace, 1, silent('the link was cut'));
  note(trace, 2, powerOf(6));
  assert.deepEqual(
    seriesOf(trace).map(({ series, unit, times, values }) => [series, unit, times, values]),
    [
      ['power', 'W', [0, 2], [5, 6]],
      ['energy', 'J', [0], [0]],
    ],
  );
});
