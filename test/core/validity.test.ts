import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLAGS } from '../../src/core/flags.ts';
import { INVALID_FLAGS, isReal, isValid } from '../../src/core/validity.ts';

test('a run is valid when it ended well and no flag says otherwise', () => {
  assert.equal(isValid({ status: 'ok', flags: [] }), true);
  for (const status of ['queued', 'running', 'failed', 'cancelled', 'interrupted'] as const)
    assert.equal(isValid({ status, flags: [] }), false, status);
  for (const { name, invalid } of FLAGS) assert.equal(isValid({ status: 'ok', flags: [name] }), !invalid, name);
  assert.ok(INVALID_FLAGS.includes('wrong-output') && !INVALID_FLAGS.includes('clock-skew'));
});

test('a run is real unless its processor or its sensors were played', () => {
  for (const { name } of FLAGS) assert.equal(isReal({ flags: [name] }), name !== 'emulated' && name !== 'lab', name);
});
