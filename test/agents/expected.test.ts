import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { ModelSource } from '../../src/core/job.ts';
import { sha256Of } from '../../src/fleet/checksum.ts';
import { findModel } from '../../src/fleet/model.ts';
import { loadSuite, SUITE_NAMES } from '../../src/fleet/suite.ts';
import { ASSETS } from '../support/assets.ts';
import { ROOT } from '../support/cli.ts';
import { answers, common } from '../support/expected.ts';
import { temporaryFolder } from '../support/folder.ts';
import { isasHere, printed, trit } from '../support/trit.ts';

const suites = SUITE_NAMES.map((name) => loadSuite(name)).filter(({ evaluation }) => !evaluation);
const models = join(ASSETS, 'models');
const noModels = existsSync(models) ? false : `the trained models of ${ASSETS} are absent`;

let binary = '';
before(async () => {
  binary = await trit();
});

test('what suites expect is of models that can be told apart, and of prompts they have', () => {
  for (const { name, prompts, expected = {} } of suites) {
    const ids = prompts.flatMap(({ id, turns }) => turns?.map((_, i) => `${id}.${i + 1}`) ?? [id]);
    for (const [key, rows] of Object.entries(expected)) {
      assert.ok(/^[0-9a-f]{64}$/.test(key) || findModel(ROOT, key).synth, `${name}: ${key}`);
      for (const id of Object.keys(rows)) assert.ok(ids.includes(id), `${name}: ${id}`);
    }
  }
});

test('trained models say it with every ISA of this machine', { skip: noModels }, async () => {
  let compared = 0;
  for (const file of readdirSync(models).filter((name) => name.endsWith('.gguf'))) {
    const path = join(models, file);
    const source: ModelSource = { name: file, path, sha256: await sha256Of(path), synth: null };
    for (const suite of suites) {
      const rows = suite.expected?.[source.sha256 as string];
      if (rows === undefined) continue;
      for (const isa of isasHere(binary)) {
        const said = await answers(binary, suite, source, isa, null);
        for (const [id, begins] of Object.entries(rows)) {
          assert.ok(said.get(id)?.startsWith(begins), `${suite.name}, ${file}, ${isa}, ${id}: ${JSON.stringify(said.get(id))}`);
          compared += 1;
        }
      }
    }
  }
  assert.ok(compared > 60, `${compared} answers were compared`);
});

test('the tiny twin says what the smoke suite knows of it', async () => {
  const suite = loadSuite('smoke');
  const { synth, context } = findModel(ROOT, suite.model);
  assert.ok(synth);
  const path = join(temporaryFolder('expected'), 'tiny.gguf');
  printed(binary, ['synth', '--preset', synth.preset, '--type', synth.type, '--head', synth.head, '--seed', '1', '-o', path]);
  for (const isa of isasHere(binary)) {
    const said = await answers(binary, suite, { name: suite.model, path, sha256: null, synth }, isa, context);
    for (const [id, begins] of Object.entries(suite.expected?.[suite.model] ?? {})) assert.ok(said.get(id)?.startsWith(begins), `${isa}, ${id}`);
  }
});

test('what is expected is half of what all say, and too little is nothing', () => {
  const one = new Map([
    ['a', 'one two three'],
    ['b', 'xy'],
    ['c', 'same'],
  ]);
  const other = new Map([
    ['a', 'one two tea'],
    ['b', 'xz'],
    ['c', 'same and more'],
  ]);
  assert.deepEqual(common([one, other]), { a: 'one t' });
  assert.deepEqual(common([one]), { a: 'one two' });
  assert.deepEqual(common([new Map([['a', '\u{1f600}\u{1f601}\u{1f602}\u{1f603}\ufffd']])]), { a: '\u{1f600}\u{1f601}' });
});
