import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { BOUNDS, distanceOfRows, GOLDEN_TOKENS, tritLogits } from '../../src/rivals/outputs.ts';
import { ASSETS } from '../support/assets.ts';
import { ORACLE_HINT, type Oracle, openOracle } from '../support/oracle.ts';
import { trit } from '../support/trit.ts';

const run = promisify(execFile);

/** Models llama.cpp can read too, with the bounds of the assets' README: float paths and paths with int8 activations. */
const MODELS = [
  { file: 'golden/tiny-llama-f16.gguf', bounds: BOUNDS.float },
  { file: 'golden/tiny-llama-q8_0.gguf', bounds: BOUNDS.int8 },
  { file: 'golden/tiny-llama-q4_0.gguf', bounds: BOUNDS.int8 },
  { file: 'golden/tiny-llama-q6_k.gguf', bounds: BOUNDS.int8 },
  { file: 'golden/tiny-bitnetsilu-f16.gguf', bounds: BOUNDS.float },
  { file: 'golden/tiny-bitnetsilu-tq2_0.gguf', bounds: BOUNDS.int8 },
  { file: 'models/stories260K-f16.gguf', bounds: BOUNDS.float },
  { file: 'models/bitllama2c-3M-bitnet-f16.gguf', bounds: BOUNDS.float },
  { file: 'models/bitllama2c-3M-bitnet-tq2_0.gguf', bounds: BOUNDS.int8 },
  { file: 'models/bitllama2c-3M-bitnet-tq1_0.gguf', bounds: BOUNDS.int8 },
];

describe('against llama.cpp', { skip: existsSync(ASSETS) ? false : `no assets at ${ASSETS}` }, () => {
  let oracle: Oracle | null = null;
  before(async () => {
    oracle = await openOracle();
  });
  after(() => oracle?.close());

  for (const model of MODELS) {
    it(`${path.basename(model.file)}: the same next-token distribution`, async (t) => {
      if (!oracle) return t.skip(ORACLE_HINT);
      const file = path.join(ASSETS, model.file);
      const theirs = await oracle.logProbabilities(file, GOLDEN_TOKENS);
      const { rms, max } = distanceOfRows(await tritLogits(await trit(), file, GOLDEN_TOKENS), theirs);
      t.diagnostic(`rms ${rms.toFixed(5)}, max ${max.toFixed(5)}`);
      assert.ok(rms <= model.bounds.rms, `rms ${rms} above ${model.bounds.rms}`);
      assert.ok(max <= model.bounds.max, `max ${max} above ${model.bounds.max}`);
    });
  }

  for (const vocabulary of ['ggml-vocab-llama-bpe.gguf', 'ggml-vocab-llama-spm.gguf']) {
    it(`${vocabulary}: the same ids for the lines of real texts`, async (t) => {
      if (!oracle) return t.skip(ORACLE_HINT);
      const file = path.join(ASSETS, 'vocab', vocabulary);
      const text = ['tinystories_1000_nl1.txt', 'devils_dictionary.txt', 'mt_bench_question.jsonl']
        .map((name) => readFileSync(path.join(ASSETS, 'text', name), 'utf8').slice(0, 60_000))
        .join('\n');
      const pieces = text.match(/[\s\S]{1,4000}/g) ?? [];
      const theirs = await oracle.tokenize(file, pieces);
      for (const [i, piece] of pieces.entries()) {
        const child = run(await trit(), ['tokenize', '-m', file, '--no-special'], { maxBuffer: 1 << 26 });
        child.child.stdin?.end(piece);
        assert.deepEqual(JSON.parse((await child).stdout), theirs[i], `piece ${i}: ${JSON.stringify(piece.slice(0, 60))}`);
      }
    });
  }
});
