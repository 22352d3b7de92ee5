import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { ASSETS } from '../support/assets.ts';
import { isasHere, printed, run, trit } from '../support/trit.ts';

type Rows = Float32Array[];
interface Expected {
  prompt: number[];
  logits: number[][];
}

const noAssets = existsSync(ASSETS) ? false : `no assets at ${ASSETS}`;
const golden = (name: string) => path.join(ASSETS, 'golden', `${name}.gguf`);
const trained = (name: string) => path.join(ASSETS, 'models', `${name}.gguf`);
const expected = (name: string): Expected => JSON.parse(readFileSync(path.join(ASSETS, 'golden', `expected.${name}.json`), 'utf8'));
const STORY = [1, 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267, 337, 410, 408, 419, 292, 411];

/** The bounds of the assets' README. A float path must also agree on every likeliest token. */
const FLOAT = { rms: 0.005, max: 0.02, argmax: true };
const INT8 = { rms: 0.08, max: 0.5, argmax: false };
const GOLDEN = [
  { model: 'tiny-bitnet158-f16', engines: ['tiny-bitnet158.numpy-f64', 'tiny-bitnet158-f16.bitnet.batch'], bound: FLOAT },
  { model: 'tiny-bitnetsilu-f16', engines: ['tiny-bitnetsilu-f16.lcpp.batch'], bound: FLOAT },
  { model: 'tiny-llama-f16', engines: ['tiny-llama-f16.lcpp.batch'], bound: FLOAT },
  { model: 'tiny-bitnet158-tq1_0', engines: ['tiny-bitnet158.numpy-f64', 'tiny-bitnet158.numpy-int8act'], bound: INT8 },
  {
    model: 'tiny-bitnet158-tq2_0',
    engines: ['tiny-bitnet158.numpy-f64', 'tiny-bitnet158.numpy-int8act', 'tiny-bitnet158-tq2_0.bitnet.batch'],
    bound: INT8,
  },
  {
    model: 'tiny-bitnet158-i2_s',
    engines: ['tiny-bitnet158.numpy-f64', 'tiny-bitnet158.numpy-int8act', 'tiny-bitnet158-i2_s.bitnet.batch'],
    bound: INT8,
  },
  { model: 'tiny-bitnetsilu-tq2_0', engines: ['tiny-bitnetsilu-tq2_0.lcpp.batch'], bound: INT8 },
  { model: 'tiny-llama-q8_0', engines: ['tiny-llama-q8_0.lcpp.batch'], bound: INT8 },
  { model: 'tiny-llama-q6_k', engines: ['tiny-llama-q6_k.lcpp.batch'], bound: INT8 },
  { model: 'tiny-llama-q4_0', engines: ['tiny-llama-q4_0.lcpp.batch'], bound: INT8 },
];
const TRAINED = [
  { model: 'bitllama2c-3M-bitnet-f16', reference: 'bitllama2c-3M-bitnet-f16', bound: FLOAT },
  { model: 'stories260K-f16', reference: 'stories260K-f32', bound: FLOAT },
  { model: 'bitllama2c-3M-bitnet-tq2_0', reference: 'bitllama2c-3M-bitnet-tq2_0', bound: INT8 },
  { model: 'bitllama2c-3M-bitnet-tq1_0', reference: 'bitllama2c-3M-bitnet-tq2_0', bound: INT8 },
];

function logits(binary: string, file: string, tokens: number[], ...args: string[]): Rows {
  const rows = printed(binary, ['logits', '-m', file, '--tokens', tokens.join(','), ...args])
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { token: number; logits: number[] });
  assert.deepEqual(
    rows.map((row) => row.token),
    tokens,
  );
  return rows.map((row) => Float32Array.from(row.logits));
}

const argmax = (row: ArrayLike<number>) => Array.from(row).reduce((best, value, i) => (value > (row[best] as number) ? i : best), 0);

function assertClose(rows: Rows, reference: ArrayLike<number>[], bound: typeof FLOAT): string {
  let squares = 0;
  let max = 0;
  let count = 0;
  let agree = 0;
  for (const [i, row] of rows.entries()) {
    const other = reference[i] as ArrayLike<number>;
    assert.equal(row.length, other.length);
    for (let j = 0; j < row.length; j++) {
      const difference = (row[j] as number) - (other[j] as number);
      squares += difference ** 2;
      max = Math.max(max, Math.abs(difference));
      count++;
    }
    agree += argmax(row) === argmax(other) ? 1 : 0;
  }
  const rms = Math.sqrt(squares / count);
  const text = `rms ${rms.toFixed(4)}, max ${max.toFixed(4)}, likeliest token equal at ${agree} of ${rows.length}`;
  assert.ok(rms <= bound.rms && max <= bound.max, `${text}; wanted rms <= ${bound.rms}, max <= ${bound.max}`);
  if (bound.argmax) assert.equal(agree, rows.length, text);
  return text;
}

describe('the engine', { skip: noAssets }, () => {
  let binary = '';
  let isas: string[] = [];
  before(async () => {
    binary = await trit();
    isas = isasHere(binary);
  });

  it('runs on the scalar kernels everywhere', () => {
    assert.equal(isas[0], 'scalar');
  });

  for (const { model, engines, bound } of GOLDEN) {
    it(`${model}: the golden logits, on every ISA`, (t) => {
      for (const isa of isas) {
        const rows = logits(binary, golden(model), expected(engines[0] as string).prompt, '--batch', '--isa', isa);
        for (const engine of engines) t.diagnostic(`${isa} ${engine}: ${assertClose(rows, expected(engine).logits, bound)}`);
      }
    });
  }

  for (const { model, reference, bound } of TRAINED) {
    it(`${model}: the logits of libllama, on every ISA`, (t) => {
      const bytes = readFileSync(path.join(ASSETS, 'models/ref', `${reference}.f32`));
      const floats = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
      const wanted = STORY.map((_, i) => floats.subarray(i * 512, (i + 1) * 512));
      for (const isa of isas) {
        t.diagnostic(`${isa}: ${assertClose(logits(binary, trained(model), STORY, '--batch', '--isa', isa), wanted, bound)}`);
      }
    });
  }

  it('the same weights in TQ1_0, TQ2_0 and I2_S give the same bits, on every ISA', () => {
    const { prompt } = expected('tiny-bitnet158.numpy-f64');
    for (const isa of isas) {
      const [first, ...others] = ['tq1_0', 'tq2_0', 'i2_s'].map((type) => logits(binary, golden(`tiny-bitnet158-${type}`), prompt, '--isa', isa));
      for (const other of others) assert.deepEqual(other, first);
    }
  });

  it('ternary weights packed at 1.6 bits give the bits of those at 2 bits, on every ISA and with any number of threads', () => {
    const { prompt } = expected('tiny-bitnet158.numpy-f64');
    const models = ['tq1_0', 'tq2_0', 'i2_s'].map((type) => ({ file: golden(`tiny-bitnet158-${type}`), tokens: prompt }));
    models.push({ file: trained('bitllama2c-3M-bitnet-tq2_0'), tokens: STORY });
    for (const { file, tokens } of models)
      for (const isa of isas) {
        const wanted = logits(binary, file, tokens, '--isa', isa, '--layout', 't2', '-t', '1');
        assert.deepEqual(logits(binary, file, tokens, '--isa', isa, '--layout', 't5', '-t', '1'), wanted, `${file}, ${isa}`);
        for (const threads of ['1', '2', '3']) {
          const rows = logits(binary, file, tokens, '--isa', isa, '--layout', 't5', '-t', threads, '--batch');
          assert.deepEqual(rows, wanted, `${file}, ${isa}, ${threads} threads, batch`);
        }
      }
  });

  it('says which layout it packed, and refuses an unknown one', () => {
    const layouts = (layout: string): string => {
      const args = ['bench', '-m', golden('tiny-bitnet158-i2_s'), '-p', '0', '-n', '4', '-r', '1', '-o', 'json', '--layout', layout];
      return (JSON.parse(printed(binary, args)) as { layouts: string }[])[0]?.layouts ?? '';
    };
    assert.deepEqual(['t2', 't5', 'auto'].map(layouts), ['f16 t2', 'f16 t5', 'f16 t2'], 'auto does not measure for a small model');
    const refused = run(binary, ['logits', '-m', golden('tiny-bitnet158-i2_s'), '--tokens', '1', '--layout', 't3']);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /layout "t3" is unknown; use t2, t5 or auto/);
  });

  for (const model of ['tiny-bitnet158-i2_s', 'tiny-bitnet158-f16', 'tiny-llama-q8_0', 'tiny-llama-q6_k', 'tiny-llama-q4_0']) {
    it(`${model}: a batch, single tokens and any number of threads give the same bits`, () => {
      const { prompt } = expected('tiny-bitnet158.numpy-f64');
      for (const isa of isas) {
        const one = logits(binary, golden(model), prompt, '--isa', isa, '-t', '1');
        for (const threads of ['1', '2', '4']) {
          assert.deepEqual(logits(binary, golden(model), prompt, '--isa', isa, '-t', threads, '--batch'), one, `${isa}, ${threads} threads, batch`);
        }
        assert.deepEqual(logits(binary, golden(model), prompt, '--isa', isa, '-t', '2'), one, `${isa}, 2 threads`);
      }
    });
  }

  /** Perplexity over the first 40 stories. */
  function perplexity(model: string, isa: string, kv = 'f16'): { docs: number; tokens: number; nll: number; ppl: number } {
    const text = path.join(ASSETS, 'text/tinystories_1000_nl1.txt');
    const alone = model.startsWith('stories260K') ? ['-t', '1'] : []; // so small that threads wait for one another on a busy machine
    const done = run(binary, [
      'perplexity',
      '-m',
      trained(model),
      '-f',
      text,
      '--docs',
      '40',
      '--max-tokens',
      '256',
      '-o',
      'json',
      '--isa',
      isa,
      '--kv',
      kv,
      ...alone,
    ]);
    assert.equal(done.status, 0, done.stderr);
    return JSON.parse(done.stdout);
  }

  /** As libllama has it, for 10,059 predicted tokens. */
  const PERPLEXITY = [
    { model: 'bitllama2c-3M-bitnet-tq2_0', ppl: 3.1235 },
    { model: 'stories260K-f16', ppl: 3.4487 },
  ];
  for (const { model, ppl } of PERPLEXITY) {
    it(`${model}: perplexity within 0.3 % of ${ppl}, on every ISA`, (t) => {
      for (const isa of isas) {
        const result = perplexity(model, isa);
        assert.deepEqual([result.docs, result.tokens], [40, 10059]);
        assert.ok(Math.abs(result.ppl / ppl - 1) < 0.003, `${isa}: ${result.ppl}`);
        assert.ok(Math.abs(Math.exp(result.nll) - result.ppl) < 1e-9);
        t.diagnostic(`${isa}: ${result.ppl.toFixed(4)}`);
      }
    });
  }

  for (const [kv, bound] of [
    ['q8_0', 0.003],
    ['q4_0', 0.01],
  ] as const)
    it(`keys and values as ${kv} keep the perplexity within ${100 * bound} %, and a batch gives the bits of single tokens`, (t) => {
      const { prompt } = expected('tiny-bitnet158.numpy-f64');
      const small = ['--kv', kv];
      for (const isa of isas) {
        const { ppl } = perplexity('bitllama2c-3M-bitnet-tq2_0', isa, kv);
        assert.ok(Math.abs(ppl / 3.1235 - 1) < bound, `${isa}: ${ppl}`);
        t.diagnostic(`${isa}: ${ppl.toFixed(4)}`);
        const one = logits(binary, golden('tiny-bitnet158-i2_s'), prompt, '--isa', isa, '-t', '1', ...small);
        assert.deepEqual(logits(binary, golden('tiny-bitnet158-i2_s'), prompt, '--isa', isa, '-t', '3', '--batch', ...small), one, isa);
        assert.notDeepEqual(logits(binary, golden('tiny-bitnet158-i2_s'), prompt, '--isa', isa, '-t', '1'), one, 'the option does something');
      }
    });

  it('the trained model has the same perplexity to the last bit in TQ1_0 and TQ2_0', () => {
    const isa = isas.at(-1) as string;
    assert.deepEqual(perplexity('bitllama2c-3M-bitnet-tq1_0', isa), perplexity('bitllama2c-3M-bitnet-tq2_0', isa));
  });
});
