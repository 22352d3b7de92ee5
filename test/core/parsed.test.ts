import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { parsed } from '../../src/core/parsed.ts';

const Row = z.object({ n: z.int() });

test('JSON that fits the schema is what it says; anything else is null', () => {
  assert.deepEqual(parsed(Row, '{"n":3,"more":true}'), { n: 3 });
  for (const text of ['', '{"n":3', '{"n":"3"}', '{}', 'null', '[]', 'trit: no such file']) assert.equal(parsed(Row, text), null, text);
});
