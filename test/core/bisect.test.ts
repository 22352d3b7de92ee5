import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bisect } from '../../src/core/bisect.ts';
import { seeded } from '../support/random.ts';

test('finds the step in few tests, wherever it is', async () => {
  for (const steps of [2, 3, 17, 200]) {
    for (let culprit = 1; culprit < steps; culprit += Math.max(1, steps >> 4)) {
      let asked = 0;
      const found = await bisect(steps, async (step) => {
        asked++;
        return step >= culprit ? 'bad' : 'good';
      });
      assert.deepEqual(found, { good: culprit - 1, bad: culprit });
      assert.ok(asked <= Math.ceil(Math.log2(steps)), `${asked} of ${steps}`);
    }
  }
});

test('goes around skipped steps, asks none twice, and says between which it could not tell', async () => {
  const random = seeded(3);
  for (let round = 0; round < 300; round++) {
    const steps = 2 + Math.floor(20 * random());
    const culprit = 1 + Math.floor((steps - 1) * random());
    const broken = Array.from({ length: steps }, () => random() < 0.4);
    const asked = new Set<number>();
    const { good, bad } = await bisect(steps, async (step) => {
      assert.ok(!asked.has(step) && step > 0 && step < steps - 1);
      asked.add(step);
      return broken[step] ? 'skip' : step >= culprit ? 'bad' : 'good';
    });
    assert.ok(good < culprit && culprit <= bad);
    for (let step = good + 1; step < bad; step++) assert.ok(broken[step], 'all between were skipped');
  }
});

test('needs two ends', async () => {
  await assert.rejects(
    bisect(1, async () => 'good'),
    RangeError,
  );
});
