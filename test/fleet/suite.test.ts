import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { UsageError } from '../../src/core/errors.ts';
import { loadSuite, SUITE_NAMES } from '../../src/fleet/suite.ts';
import { temporaryFolder } from '../support/folder.ts';

const path = join(temporaryFolder('suite'), 'mine.json');
const good = { name: 'mine', version: 1, title: 't', model: 'tiny', prompts: [{ id: 'a', text: 'x', max_tokens: 1 }], warmup: 0, repetitions: 1 };

test('every suite that comes with fleet is good and named as its file', () => {
  const files = readdirSync(join(import.meta.dirname, '../../src/data/suites')).map((file) => file.replace('.json', ''));
  assert.deepEqual([...SUITE_NAMES].sort(), files.sort());
  for (const name of SUITE_NAMES) assert.equal(loadSuite(name).name, name);
});

test('a suite of your own is read from its file, with defaults', () => {
  writeFileSync(path, JSON.stringify(good));
  assert.equal(loadSuite(path).launches, 1);
});

test('a system message: parts that fit a number of tokens, before messages and turns alone', () => {
  const suite = { ...good, system: ['a', 'b'], system_tokens: 5, prompts: [{ id: 'a', turns: ['x', 'y'], max_tokens: 1 }], prompt_cache: true };
  writeFileSync(path, JSON.stringify(suite));
  assert.deepEqual(loadSuite(path).system, ['a', 'b']);
  writeFileSync(path, JSON.stringify({ ...suite, prompts: good.prompts }));
  assert.throws(() => loadSuite(path), /prompt a must have messages or turns/);
  writeFileSync(path, JSON.stringify({ ...good, prompt_cache: true }));
  assert.throws(() => loadSuite(path), /prompt_cache keeps the system message, and there is no "system"/);
  assert.ok((loadSuite('pisellino').system?.length ?? 0) > 100);
  assert.equal(loadSuite('pisellino').system_tokens, 3456);
});

test('a file of lists of what users say is a suite of conversations', () => {
  writeFileSync(path, JSON.stringify([['How are you?', 'And now?'], ['Hello']]));
  const suite = loadSuite(path);
  assert.deepEqual(
    suite.prompts.map(({ id, turns }) => [id, turns?.length]),
    [
      ['conversation-1', 2],
      ['conversation-2', 1],
    ],
  );
});

test('what is wrong is said, as wrong usage', () => {
  const refused = (suite: unknown, sentence: RegExp) => {
    writeFileSync(path, typeof suite === 'string' ? suite : JSON.stringify(suite));
    assert.throws(
      () => loadSuite(path),
      (e) => e instanceof UsageError && sentence.test(e.message),
    );
  };
  refused('{', /mine\.json cannot be read: /);
  refused({ ...good, repetitions: 0 }, /mine\.json: repetitions: /);
  refused({ ...good, speed: 1 }, /speed/);
  refused({ ...good, prompts: [good.prompts[0], good.prompts[0]] }, /two prompts are called a/);
  refused({ ...good, prompts: [{ id: 'a', max_tokens: 1 }] }, /prompt a must have one of text, messages, turns and random_tokens/);
  refused({ ...good, prompts: [{ id: 'a', text: 'x', random_tokens: 3, max_tokens: 1 }] }, /must have one of/);
  assert.throws(() => loadSuite('nosuch'), /there is no suite nosuch: give standard, smoke, pair, .*, or the path/);
  assert.throws(() => loadSuite('toString'), /there is no suite toString/);
});
