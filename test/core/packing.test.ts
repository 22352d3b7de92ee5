import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packing } from '../../src/core/packing.ts';

test('layouts, and what trit tune had measured where they come from it', () => {
  assert.equal(packing({ layouts: 't2 f16' }), 't2 f16');
  assert.equal(packing({ layouts: 't2 f16', tuned: false, tuned_ratio: null }), 't2 f16');
  assert.equal(packing({ layouts: 't5 f16', tuned: true, tuned_ratio: 0.914 }), 't5 f16 (tuned: t5 takes 0.91 of the time of t2)');
  assert.equal(packing({ layouts: 't5 f16', tuned: true }), 't5 f16 (tuned)', 'an older engine');
  assert.equal(packing({}), '');
  assert.equal(packing({ layouts: 7, tuned: 'yes' }), '');
});
