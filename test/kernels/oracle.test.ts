import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { ASSETS } from '../support/assets.ts';
import { ORACLE_HINT, type Oracle, openOracle } from '../support/oracle.ts';
import { trit } from '../support/trit.ts';

const run = promisify(execFile);

/** Models llama.cpp can read too, with the bounds of the assets' README: float paths and paths with int8 activations. */
const MODELS = [
  { file: 'golden/tiny-llama-f16.gguf', rms: 0.005, max: 0.02 },
  { file: 'golden/tiny-llama-q8_0.gguf', rms: 0.08, max: 0.5 },
  { file: 'golden/tiny-llama-q4_0.gguf', rms: 0.08, max: 0.5 },
  { file: 'golden/tiny-llama-q6_k.gguf', rms: 0.08, max: 0.5 },
  { file: 'golden/tiny-bitnetsilu-f16.gguf', rms: 0.005, max: 0.02 },
  { file: 'golden/tiny-bitnetsilu-tq2_0.gguf', rms: 0.08, max: 0.5 },
  { file: 'models/stories260K-f16.gguf', rms: 0.005, max: 0.02 },
  { file: 'models/bitllama2c-3M-bitnet-f16.gguf', rms: 0.005, max: 0.02 },
  { file: 'models/bitllama2c-3M-bitnet-tq2_0.gguf', rms: 0.08, max: 0.5 },
  { file: 'models/bitllama2c-3M-bitnet-tq1_0.gguf', rms: 0.08, max: 0.5 },
];
const TOKENS = [1, 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267, 337, 410, 408, 419, 292, 411];

/** Root mean square and largest difference of two rows of logits or log probabilities, each taken relative to its own mean. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): { rms: number; max: number } {
  assert.equal(a.length, b.length);
  let shift = 0;
  for (let i = 0; i < a.length; i++) shift += ((a[i] as number) - (b[i] as number)) / a.length;
  let squares = 0;
  let max = 0;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs((a[i] as number) - (b[i] as number) - shift);
    squares += (d * d) / a.length;
    max = Math.max(max, d);
  }
  return { rms: Math.sqrt(squares), max };
}

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
      const theirs = await oracle.logProbabilities(file, TOKENS);
      const { stdout } = await run(await trit(), ['logits', '-m', file, '--tokens', TOKENS.join(','), '--batch'], { maxBuffer: 1 << 26 });
      const ours = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).logits as number[]);
      assert.equal(ours.length, TOKENS.length);
      const rows = ours.map((row, i) => distance(row, theirs[i] as Float64Array));
      const rms = Math.sqrt(rows.reduce((sum, row) => sum + row.rms ** 2, 0) / rows.length);
      const max = Math.max(...rows.map((row) => row.max));
      t.diagnostic(`rms ${rms.toFixed(5)}, max ${max.toFixed(5)}`);
      assert.ok(rms <= model.rms, `rms ${rms} above ${model.rms}`);
      assert.ok(max <= model.max, `max ${max} above ${model.max}`);
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
