import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { suiteHash } from '../../agents/suite_hash.ts';
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

/** What each version asks. A suite that asks something else gets another version, for figures of two versions stand apart. */
const HASHES: Record<string, string> = {
  'eval 1': '15de64b70ee7b5646c30c9b70f8aca95c351c1a84cf5254271e75a93897189a7',
  'fp16-vs-ternary 1': '78ff6a300b3f6efb3d58fe3780fde09d166aa2680b3012bde3e1b1c4bed9394b',
  'long-context 1': '0f589f9354daf59a116447a3fb8095c7f9bf4852abac2a7653f6bdf5227c88dd',
  'melt 1': '765b5368ff1be72bc70c89f24bf3907e997428b62a65a0c4a4174640bcc23018',
  'memory 1': 'e8d06dc1b6b03b35a55c0a092a692a5cf5d35f1b5eaa07b5128a90e3dd77f4b7',
  'pair 2': '033b9fb3e5b3514c68cfbc86c527da280105a7ac92f717a05d92763a972f4a72',
  'pisellino 1': '4c72a5fc7bf010bbcbb12b8caf8b137da378eadac20abaef8ab51e1814f08259',
  'pisellino-8k 1': 'ced14c735640b127b75ab6785af46d5faee350bd079ba0717ef8a9d91c256efb',
  'pisellino-q4 1': '823db84bb0b2de641663c738d32a18cf34b95a93357e68e4e6fec5fe30de47ec',
  'smoke 2': '34f962c95c6086d986f1116a2b718bb617adaef962d8dcd8e51be1d3906db6e5',
  'standard 3': 'd26c3170d32cc2e327647c7567820174e3e0f81b747f4bca4a05e6561796ac82',
  'sustained 1': '12e0f1e97086dba0b6f4cebc2b89dfbd76a5c9f73a6b95b665a2193e096984bc',
};

test('a suite that asks something else has another version', () => {
  for (const name of SUITE_NAMES) {
    const suite = loadSuite(name);
    assert.equal(suiteHash(suite), HASHES[`${name} ${suite.version}`], `raise the version of ${name}, and add its hash here`);
    assert.equal(suiteHash({ ...suite, title: 'another', expected: {} }), suiteHash(suite));
    assert.notEqual(suiteHash({ ...suite, seed: suite.seed + 1 }), suiteHash(suite));
  }
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
