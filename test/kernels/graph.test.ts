import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { temporaryFolder } from '../support/folder.ts';
import { ggufBytes } from '../support/gguf.ts';
import { modelBytes, modelKeys, randomTensors, referenceLogits, type Shape } from '../support/transformer.ts';
import { printed, run, trit } from '../support/trit.ts';

const folder = temporaryFolder('graph');
const file = path.join(folder, 'model.gguf');
const TOKENS = [1, 17, 4, 39, 2, 2, 30, 11, 25];

let binary = '';
before(async () => {
  binary = await trit();
});

const PLAIN: Shape = {
  arch: 'llama',
  layers: 2,
  dim: 24,
  ffn: 40,
  heads: 4,
  kvHeads: 2,
  headDim: 6,
  ropeDim: 6,
  vocab: 40,
  ropeBase: 10000,
  tied: false,
  scales: false,
};
const SHAPES: [string, Shape][] = [
  ['llama, untied', PLAIN],
  ['llama, tied, heads wider than dim / heads, only half of a head rotated', { ...PLAIN, headDim: 16, ropeDim: 8, tied: true }],
  ['llama with divisors of the frequencies', { ...PLAIN, headDim: 8, ropeDim: 8, ropeBase: 500000, ropeDivisors: [1, 1.5, 4, 8] }],
  ['llama with linear rope scaling', { ...PLAIN, ropeFactor: 2.5 }],
  ['llama with one key/value head', { ...PLAIN, kvHeads: 1 }],
  ['bitnet with scales', { ...PLAIN, arch: 'bitnet', tied: true, scales: true }],
  ['bitnet-b1.58, tied', { ...PLAIN, arch: 'bitnet-b1.58', tied: true }],
  ['bitnet-b1.58 with a head of its own', { ...PLAIN, arch: 'bitnet-b1.58' }],
  ['bitnet-25, its other name', { ...PLAIN, arch: 'bitnet-25', tied: true }],
];

describe('the graph, against one in double precision', () => {
  for (const [name, shape] of SHAPES) {
    it(name, (t) => {
      const tensors = randomTensors(shape);
      writeFileSync(file, modelBytes(shape, tensors));
      const wanted = referenceLogits(shape, tensors, TOKENS);
      for (const mode of [['--batch'], []]) {
        const rows = printed(binary, ['logits', '-m', file, '--tokens', TOKENS.join(','), ...mode])
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line).logits as number[]);
        const far = rows.flatMap((row, i) => row.map((v, j) => Math.abs(v - (wanted[i]?.[j] as number))));
        const size = Math.sqrt(wanted.flat().reduce((sum, v) => sum + v * v, 0) / wanted.flat().length);
        t.diagnostic(`max ${Math.max(...far).toExponential(1)} of logits of ${size.toFixed(1)}`);
        assert.ok(Math.max(...far) < 0.005 * size, 'the keys and values are halves: about 3 digits');
      }
    });
  }
});

describe('models that this graph does not fit', () => {
  const refuse = (bytes: Buffer, sentence: RegExp) => {
    writeFileSync(file, bytes);
    const done = run(binary, ['logits', '-m', file, '--tokens', '1']);
    assert.equal(done.status, 1, done.stderr);
    assert.match(done.stderr, /^trit logits: [^\n]+\n$/);
    assert.match(done.stderr, sentence);
  };
  const tensors = randomTensors(PLAIN);
  const vector = { rows: 1, width: 24, values: new Float32Array(24) };

  it('a tensor too many or too few, or of another shape, is named', () => {
    refuse(modelBytes(PLAIN, { ...tensors, 'blk.0.attn_q.bias': vector }), /blk\.0\.attn_q\.bias has no place/);
    refuse(modelBytes(PLAIN, { ...tensors, 'blk.0.attn_q.scale': vector }), /blk\.0\.attn_q\.scale must be one f32/);
    const { 'blk.1.ffn_up.weight': _, ...fewer } = tensors;
    refuse(modelBytes(PLAIN, fewer), /blk\.1\.ffn_up\.weight is missing/);
    refuse(modelBytes(PLAIN, { ...tensors, 'blk.1.ffn_up.weight': vector }), /blk\.1\.ffn_up\.weight is 1 rows of 24/);
    refuse(modelBytes({ ...PLAIN, ropeDivisors: [1] }, { ...tensors, 'rope_freqs.weight': vector }), /rope_freqs\.weight must hold 3/);
  });

  it('what it would have to compute otherwise is named', () => {
    const keys = modelKeys(PLAIN);
    refuse(ggufBytes({ ...keys, 'llama.rope.scaling.type': { text: 'yarn' } }, tensors), /rope scaling "yarn"/);
    refuse(ggufBytes({ ...keys, 'llama.expert_count': { u32: 8 } }, tensors), /experts/);
    refuse(ggufBytes({ ...keys, 'general.architecture': { text: 'mamba' } }, tensors), /architecture "mamba"/);
    refuse(ggufBytes({ ...keys, 'llama.attention.value_length': { u32: 8 } }, tensors), /value_length/);
    refuse(ggufBytes({ ...keys, 'llama.attention.head_count_kv': { i32s: [2, 2] } }, tensors), /one value a layer/);
    refuse(ggufBytes({ ...keys, 'llama.attention.layer_norm_rms_epsilon': { f32: Number.NaN } }, tensors), /rms_epsilon/);
    refuse(ggufBytes({ ...keys, 'llama.vocab_size': { u32: 41 } }, tensors), /vocab_size is 41/);
    const { 'llama.block_count': _, ...fewer } = keys;
    refuse(ggufBytes(fewer, tensors), /llama\.block_count is missing/);
  });
});
