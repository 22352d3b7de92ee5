import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seldom } from '../../agents/measure.ts';

test('what is told seldom is told no more often than every so many seconds, and anew from each beginning', () => {
  let now = 100;
  const told: [number, number][] = [];
  const progress = seldom(
    5,
    () => now,
    (tokens: number) => told.push([now, tokens]),
  );
  for (let tokens = 1; tokens <= 40; tokens++) {
    now += 0.5;
    progress.call(tokens);
  }
  assert.deepEqual(told, [
    [105, 10],
    [110, 20],
    [115, 30],
    [120, 40],
  ]);
  now = 124;
  progress.begin();
  now = 126;
  progress.call(1);
  assert.equal(told.length, 4, 'a quick request says nothing');
  now = 500;
  progress.call(2);
  assert.deepEqual(told.at(-1), [500, 2], 'a token that takes minutes is told when it comes');
});
