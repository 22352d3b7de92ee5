import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { ASSETS } from '../support/assets.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type NpyArray, readNpz } from '../support/npz.ts';
import { printed, run, trit } from '../support/trit.ts';

const folder = temporaryFolder('formats');
const scratch = (name: string) => path.join(folder, name);
const golden = (name: string) => path.join(ASSETS, 'golden', name);
const noAssets = existsSync(ASSETS) ? false : `no assets at ${ASSETS}`;

let binary = '';
before(async () => {
  binary = await trit();
});

const ok = (...args: string[]) => printed(binary, args);

interface Tensor {
  name: string;
  type: string;
  shape: number[];
}

function tensors(file: string): Tensor[] {
  return JSON.parse(ok('info', '-m', file, '-o', 'json')).tensors;
}

/** All weights of a tensor as decoded, row after row. */
function weights(file: string, tensor: string): number[] {
  return ok('info', '-m', file, '--tensor', tensor)
    .trim()
    .split('\n')
    .flatMap((line) => JSON.parse(line).values as number[]);
}

/** Index of the first weight that is not what is expected, -1 if all are; zeros of either sign are equal. */
function firstDifference(got: number[], expected: (i: number) => number): number {
  return got.findIndex((value, i) => value !== expected(i));
}

/** Element i of an int8, float16 or float32 array. */
function element({ type, bytes }: NpyArray, i: number): number {
  if (type === '|i1') return bytes.readInt8(i);
  if (type === '<f4') return bytes.readFloatLE(4 * i);
  const half = bytes.readUInt16LE(2 * i);
  const exponent = (half >> 10) & 31;
  const size = exponent ? (1024 + (half & 1023)) * 2 ** (exponent - 25) : (half & 1023) * 2 ** -24;
  return half >> 15 ? -size : size;
}

/** Hashes of the decoded weights by tensor. */
function hashes(file: string): Record<string, string> {
  const { tensors } = JSON.parse(ok('info', '-m', file, '--hash', '-o', 'json')) as { tensors: { name: string; hash: string }[] };
  return Object.fromEntries(tensors.map((tensor) => [tensor.name, tensor.hash]));
}

function assertSameWeights(a: string, b: string): void {
  assert.deepEqual(hashes(a), hashes(b));
}

describe('decoding', { skip: noAssets }, () => {
  for (const type of ['i2_s', 'tq1_0', 'tq2_0', 'f16'])
    it(`tiny-bitnet158-${type}: every weight equals the arrays it was made of`, () => {
      const arrays = readNpz(golden('tiny-bitnet-weights.npz'));
      const cfg = arrays.get('cfg');
      assert.ok(cfg);
      const { scales } = JSON.parse(cfg.bytes.toString('utf16le').replaceAll('\0', '')) as { scales: Record<string, number> };
      let compared = 0;
      for (const { name, shape } of tensors(golden(`tiny-bitnet158-${type}.gguf`))) {
        const array = arrays.get(name === 'token_embd.weight' ? 'E' : name);
        if (!array) continue;
        const scale = scales[name] ?? 1;
        const length = shape.reduce((a, b) => a * b, 1);
        const got = weights(golden(`tiny-bitnet158-${type}.gguf`), name);
        assert.equal(got.length, length);
        assert.equal(
          firstDifference(got, (i) => element(array, i) * scale),
          -1,
          name,
        );
        compared++;
      }
      assert.equal(compared, 24);
    });
});

describe('conversion', { skip: noAssets }, () => {
  const models = [
    golden('tiny-bitnet158-tq2_0.gguf'),
    golden('tiny-bitnetsilu-tq2_0.gguf'),
    path.join(ASSETS, 'models/bitllama2c-3M-bitnet-tq2_0.gguf'),
  ];
  for (const model of models)
    it(`${path.basename(model)} -> i2_s -> tq1_0 -> tq2_0 keeps every weight`, () => {
      const steps = ['i2_s', 'tq1_0', 'tq2_0'];
      const files = steps.map((type) => scratch(`way-${type}.gguf`));
      for (const [i, type] of steps.entries()) {
        ok('quantize', '-i', i ? (files[i - 1] as string) : model, '-o', files[i] as string, '--type', type);
        assert.ok(tensors(files[i] as string).some((tensor) => tensor.type === type));
        assertSameWeights(model, files[i] as string);
      }
    });

  it('the golden files of one set hold the same weights', () => {
    assertSameWeights(golden('tiny-bitnetsilu-f16.gguf'), golden('tiny-bitnetsilu-tq2_0.gguf'));
  });

  it('a dense file that holds trits becomes ternary without loss', () => {
    const dense = path.join(ASSETS, 'models/bitllama2c-3M-bitnet-f16.gguf');
    ok('quantize', '-i', dense, '-o', scratch('dense.gguf'), '--type', 'tq1_0');
    assertSameWeights(scratch('dense.gguf'), path.join(ASSETS, 'models/bitllama2c-3M-bitnet-tq1_0.gguf'));
  });

  it('dense weights become trits of one scale, the mean of their sizes', () => {
    ok('quantize', '-i', golden('tiny-llama-f16.gguf'), '-o', scratch('mean.gguf'), '--type', 'i2_s');
    const from = weights(golden('tiny-llama-f16.gguf'), 'blk.0.ffn_up.weight');
    const scale = Math.fround(from.reduce((sum, value) => sum + Math.abs(value), 0) / from.length);
    const got = weights(scratch('mean.gguf'), 'blk.0.ffn_up.weight');
    const trit = (value: number) => Math.max(-1, Math.min(1, Math.sign(value) * Math.round(Math.abs(value) / scale)));
    assert.equal(
      firstDifference(got, (i) => trit(from[i] as number) * scale),
      -1,
    );
  });

  /* Root mean square errors relative to the weights; llama.cpp's own are 0.0858 (q4_0), 0.0178 (q6_k) and 0.00535 (q8_0) here. */
  for (const [type, bound] of Object.entries({ q4_0: 0.087, q4_k: 0.08, q6_k: 0.0195, q8_0: 0.0054, bf16: 0.0018, f32: 0 }))
    it(`${type} is as near to f16 weights as it can be`, () => {
      ok('quantize', '-i', golden('tiny-llama-f16.gguf'), '-o', scratch('near.gguf'), '--type', type);
      const from = weights(golden('tiny-llama-f16.gguf'), 'blk.0.ffn_down.weight');
      const to = weights(scratch('near.gguf'), 'blk.0.ffn_down.weight');
      const error = from.reduce((sum, value, i) => sum + (value - (to[i] as number)) ** 2, 0);
      const relative = Math.sqrt(error / from.reduce((sum, value) => sum + value * value, 0));
      assert.ok(relative <= bound, `${relative} is above ${bound}`);
    });
});

describe('synthetic twins', () => {
  /* The bytes are promised to be the same on every machine: these change only when the recipe does. */
  const SHA256 = {
    i2_s: '0f7931a998c05f23bb816b544ee7e06d11f65656ba9821e6c73467a8f00f24da',
    tq1_0: 'd28464e65a4a1033a23e72b4940497bb824ada8326e6267dab400fc291fee1f6',
    tq2_0: '68b237b7dcccde4ab9518bbd8ccca80c21d70a80dfeda0fca41fbb1dfdd86c69',
  };

  it('depend on preset, types and seed alone', () => {
    for (const [type, expected] of Object.entries(SHA256))
      for (const threads of ['1', '2']) {
        ok('synth', '--preset', 'tiny', '--type', type, '--head', 'q6_k', '-o', scratch('tiny.gguf'), '-t', threads);
        assert.equal(
          createHash('sha256')
            .update(readFileSync(scratch('tiny.gguf')))
            .digest('hex'),
          expected,
          `${type}, ${threads} threads`,
        );
      }
    ok('synth', '--preset', 'tiny', '--seed', '2', '-o', scratch('other.gguf'));
    ok('synth', '--preset', 'tiny', '--seed', '1', '-o', scratch('tiny.gguf'));
    assert.notEqual(weights(scratch('other.gguf'), 'blk.0.attn_q.weight').join(), weights(scratch('tiny.gguf'), 'blk.0.attn_q.weight').join());
  });

  it('hold the same weights in every ternary type, a quarter of each sign', () => {
    for (const type of ['i2_s', 'tq1_0', 'tq2_0']) ok('synth', '--preset', 'tiny', '--type', type, '-o', scratch(`${type}.gguf`));
    assertSameWeights(scratch('i2_s.gguf'), scratch('tq1_0.gguf'));
    assertSameWeights(scratch('i2_s.gguf'), scratch('tq2_0.gguf'));
    const values = weights(scratch('i2_s.gguf'), 'blk.3.ffn_up.weight');
    for (const sign of [-1, 1]) {
      const share = values.filter((value) => Math.sign(value) === sign).length / values.length;
      assert.ok(Math.abs(share - 0.25) < 0.01, `share of sign ${sign} is ${share}`);
    }
  });

  it('give back any text they tokenise', () => {
    const texts = ['Hello world, once upon a time', '  two  spaces\n\ttab\r\n', 'naïve café 日本語 🎉', "it's 12345 x", '\u0000\u0001\u007f\u00a0'];
    for (const [preset, type] of [
      ['tiny', 'i2_s'],
      ['tinyllama-1.1b', 'tq1_0'],
    ] as const) {
      ok('synth', '--preset', preset, '--type', type, '--head', 'q4_0', '-o', scratch('words.gguf'));
      for (const text of texts) {
        const ids = run(binary, ['tokenize', '-m', scratch('words.gguf')], text);
        assert.equal(ids.status, 0, ids.stderr);
        const back = run(binary, ['tokenize', '-m', scratch('words.gguf'), '--decode'], ids.stdout);
        assert.ok(back.stdout === text || back.stdout === ` ${text}`, `${preset}: ${JSON.stringify(back.stdout)}`);
      }
    }
  });

  it('leave no file where the disk or a limit ends the writing', () => {
    const done = run('/bin/sh', ['-c', 'ulimit -f 100; exec "$0" synth --preset tiny -o "$1"', binary, scratch('limit.gguf')]);
    assert.equal(done.status, 1);
    assert.match(done.stderr, /^trit synth: .*limit\.gguf\.part cannot .*: File too large[^\n]*\n$/);
    assert.ok(!existsSync(scratch('limit.gguf')) && !existsSync(scratch('limit.gguf.part')));
  });

  it('refuse what does not exist with one sentence', () => {
    for (const [args, sentence] of [
      [['--preset', 'gpt-5', '-o', 'x'], /there is no preset "gpt-5"; known are bitnet-2b-4t/],
      [['--preset', 'tiny', '--type', 'q4_0', '-o', 'x'], /tiny cannot have q4_0 matrices/],
      [['--preset', 'tiny', '--head', 'i2_s', '-o', 'x'], /head/],
      [['--preset', 'tiny'], /-o FILE is needed/],
    ] as const) {
      const done = run(binary, ['synth', ...args]);
      assert.equal(done.status, 2);
      assert.match(done.stderr, sentence);
    }
  });
});
