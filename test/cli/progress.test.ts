import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { Progress } from '../../src/cli/progress.ts';
import type { JournalRecord } from '../../src/core/journal.ts';
import type { Suite } from '../../src/core/suite.ts';

const SUITE: Suite = {
  ...{ name: 's', version: 1, title: '', model: 'tiny', warmup: 1, repetitions: 3, launches: 1, cooldown: 0, seed: 1 },
  prompts: [
    { id: 'a', random_tokens: 400, max_tokens: 100 },
    { id: 'b', random_tokens: 400, max_tokens: 100 },
  ],
};
const at = { seq: 1, wall: 0, mono: 0 };
const phase = (name: 'warmup' | 'measure' | 'model' | 'check', detail?: string, done?: number, total?: number): JournalRecord => ({
  ...at,
  kind: 'phase',
  phase: name,
  detail,
  done,
  total,
});
const rate = (value: number): JournalRecord => ({
  ...at,
  kind: 'sample',
  metric: 'decode_rate',
  value,
  prompt: 'a',
  launch: 0,
  repetition: 0,
  warmup: false,
});

/** A stream that remembers what was written; a terminal or not. */
function sink(isTTY: boolean): { stream: NodeJS.WriteStream; text(): string } {
  let text = '';
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 160, rows: 40, cursorTo() {}, clearLine() {}, moveCursor() {} });
  stream.on('data', (chunk) => {
    text += chunk;
  });
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text };
}

test('without a terminal: a line for each new thing, not for each request', (t) => {
  t.mock.method(performance, 'now', () => 0); // what takes long has a time left in its line
  const { stream, text } = sink(false);
  const progress = new Progress(SUITE, stream);
  progress.step('pi', 'connecting');
  progress.begin(new Map([['pi', 1]]));
  progress.run('r1', 'pi', 'cc ×4');
  progress.record('r1', 'pi', phase('check'));
  progress.record('r1', 'pi', phase('warmup', 'a', 0, 1));
  progress.record('r1', 'pi', rate(12.3));
  for (let i = 0; i < 3; i++) progress.record('r1', 'pi', phase('measure', 'a', i, 3));
  progress.record('r1', 'pi', { ...at, kind: 'end', status: 'failed', message: 'it \u001b[2J broke' });
  progress.end();
  assert.deepEqual(text().trim().split('\n'), [
    'pi: connecting',
    'pi: cc ×4: run r1',
    'pi: cc ×4: checking every kernel',
    'pi: cc ×4: warming up a 1/1',
    'pi: cc ×4: measuring a 1/3 (12.3 tokens/s)',
    'pi: cc ×4: failed: it \\u001b[2J broke',
  ]);
});

test('on a terminal: a bar a device with share, rate and time left', async (t) => {
  t.mock.timers.enable({ apis: ['Date'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const { stream, text } = sink(true);
  const progress = new Progress(SUITE, stream);
  progress.begin(new Map([['pi', 1]]));
  progress.run('r1', 'pi', 'cc ×4');
  progress.record('r1', 'pi', phase('warmup', 'a', 0, 1));
  progress.record('r1', 'pi', rate(7.5));
  now = 30_000;
  for (let i = 0; i < 3; i++) progress.record('r1', 'pi', phase('measure', 'a', i, 3));
  await new Promise((resolve) => setTimeout(resolve, 400));
  progress.end();
  // 3 of 8 equal requests in 30 s: 50 s are left
  assert.match(text(), /pi .* 38 % cc ×4 measuring a 3\/3 7\.50 tokens\/s about 50 s left/);
});
