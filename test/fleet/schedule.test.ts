import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { schedule, type Task } from '../../src/fleet/schedule.ts';

test('devices run side by side, one task a device at a time and in order; outcomes keep their places', async () => {
  const running = new Map<string, number>();
  let most = 0;
  const order: string[] = [];
  const task = (device: string, name: string): Task<string> => ({
    device,
    async run() {
      running.set(device, (running.get(device) ?? 0) + 1);
      assert.equal(running.get(device), 1, `${device} does one thing at a time`);
      most = Math.max(
        most,
        [...running.values()].reduce((a, b) => a + b),
      );
      await sleep(5);
      order.push(`${device}${name}`);
      running.set(device, 0);
      return name;
    },
  });
  const outcomes = await schedule([task('a', '1'), task('b', '1'), task('a', '2'), task('c', '1'), task('a', '3')]);
  assert.deepEqual(
    outcomes.map((o) => o.status === 'done' && o.value),
    ['1', '1', '2', '1', '3'],
  );
  assert.deepEqual(
    order.filter((o) => o.startsWith('a')),
    ['a1', 'a2', 'a3'],
  );
  assert.equal(most, 3);
});

test('no more devices at once than allowed', async () => {
  let now = 0;
  let most = 0;
  const tasks = Array.from({ length: 20 }, (_, i) => ({
    device: `d${i}`,
    async run() {
      most = Math.max(most, ++now);
      await sleep(2);
      now--;
    },
  }));
  await schedule(tasks, { devices: 4 });
  assert.equal(most, 4);
});

test('a failure stays on its task, and is told once', async () => {
  const told: string[] = [];
  const fine = async () => 'fine';
  const outcomes = await schedule(
    [
      { device: 'a', run: () => Promise.reject(new Error('link lost')) },
      { device: 'a', run: fine },
      {
        device: 'b',
        run: () => {
          throw new Error('at once');
        },
      },
      { device: 'b', run: fine },
    ],
    { onSettled: (task, outcome) => told.push(`${task.device} ${outcome.status}`) },
  );
  assert.deepEqual(
    outcomes.map((o) => o.status),
    ['failed', 'done', 'failed', 'done'],
  );
  assert.deepEqual(told.sort(), ['a done', 'a failed', 'b done', 'b failed']);
});

test('after the signal nothing is begun, what runs is waited for', async () => {
  const stop = new AbortController();
  let begun = 0;
  const tasks = Array.from({ length: 3 }, () => ({
    device: 'a',
    async run() {
      begun++;
      stop.abort();
      await sleep(5);
      return 'ended';
    },
  }));
  const outcomes = await schedule(tasks, { signal: stop.signal });
  assert.equal(begun, 1);
  assert.deepEqual(
    outcomes.map((o) => o.status),
    ['done', 'skipped', 'skipped'],
  );
});

test('nothing to do is done at once', async () => {
  assert.deepEqual(await schedule([]), []);
});
