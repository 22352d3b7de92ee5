import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { ASSETS } from '../support/assets.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type SafeTensor, safetensorsBytes } from '../support/safetensors.ts';
import { printed, run, trit } from '../support/trit.ts';

const folder = temporaryFolder('quantize');
const scratch = (name: string) => path.join(folder, name);
const golden = (name: string) => path.join(ASSETS, 'golden', `${name}.gguf`);
const trained = (name: string) => path.join(ASSETS, 'models', `${name}.gguf`);
const stories = path.join(ASSETS, 'text/tinystories_1000_nl1.txt');
const noAssets = existsSync(ASSETS) ? false : `no assets at ${ASSETS}`;

let binary = '';
before(async () => {
  binary = await trit();
});

const ok = (...args: string[]) => printed(binary, args);

function refused(status: number, sentence: RegExp, ...args: string[]): void {
  const done = run(binary, args);
  assert.equal(done.status, status, `trit ${args.join(' ')}: ${done.stdout}${done.stderr}`);
  assert.match(done.stderr, sentence);
  assert.equal(done.stderr.trim().split('\n').length, 1, done.stderr);
}

interface Conversion {
  rmse: number;
  relative_error: number;
  bits: number;
  trits: number[];
  bytes: number;
}

function convert(from: string, to: string, ...args: string[]): Conversion {
  return JSON.parse(ok('quantize', '-i', from, '-o', to, '--format', 'json', ...args));
}

interface Quality {
  tokens: number;
  ppl: number;
  kl: number;
  top1: number;
}

function quality(model: string, ...args: string[]): Quality {
  return JSON.parse(ok('perplexity', '-m', model, '-f', stories, '--docs', '4', '-t', '1', '-o', 'json', ...args));
}

interface Tensor {
  name: string;
  type: string;
  shape: number[];
  hash: string;
}

function tensors(file: string): Tensor[] {
  return JSON.parse(ok('info', '-m', file, '--hash', '-o', 'json')).tensors;
}

const hashes = (file: string) => Object.fromEntries(tensors(file).map(({ name, hash }) => [name, hash]));

function rows(file: string, tensor: string): number[][] {
  return ok('info', '-m', file, '--tensor', tensor)
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { values: number[] }).values);
}

describe('weights of several trits', () => {
  /* Root mean square errors for sigma 1, bits a weight: 1.6 a trit, and scales. */
  for (const [type, bound, bits] of [
    ['t1', 0.437, 1.6],
    ['t2', 0.176, 3.2],
    ['t3', 0.07, 4.8],
    ['t4', 0.0265, 6.4],
  ] as const)
    it(`${type}: a Gaussian matrix is off by ${bound} at most`, () => {
      const shape = ['--gaussian', '1024x2048', '--seed', '1', '--type', type, '-o', 'json'];
      const one = JSON.parse(ok('quantize', ...shape)) as { rmse: number; bytes: number; fp16_bytes: number };
      assert.equal(one.fp16_bytes, 1024 * 2048 * 2);
      assert.ok(one.rmse > bound / 2 && one.rmse <= bound, `${one.rmse}`);
      assert.ok(one.bytes <= (1024 * 2048 * (bits + 0.1)) / 8 && one.bytes > (1024 * 2048 * bits) / 8, `${one.bytes}`);
      assert.deepEqual(JSON.parse(ok('quantize', ...shape, '-t', '1')), one);
      assert.notEqual(JSON.parse(ok('quantize', ...shape, '--seed', '2')).rmse, one.rmse);
    });

  it('refuse what makes no sense with one sentence', () => {
    refused(2, /--gaussian wants ROWSxCOLUMNS as in 4096x4096, not "4096"/, 'quantize', '--gaussian', '4096', '--type', 't3');
    refused(2, /--gaussian needs a --type/, 'quantize', '--gaussian', '4x4');
    refused(1, /rows of 100 weights are no multiple of the 32/, 'quantize', '--gaussian', '4x100', '--type', 'q4_0');
    refused(2, /--target-bits and --calibrate are for t1 to t4/, 'quantize', '-i', 'a', '-o', 'b', '--type', 'q4_0', '--target-bits', '3');
    refused(2, /there is no type "t5"; known are .*t1, t2, t3, t4/, 'quantize', '-i', 'a', '-o', 'b', '--type', 't5');
  });
});

describe('conversion to several trits', { skip: noAssets }, () => {
  it('keeps ternary weights exact, whatever the trits', () => {
    for (const type of ['t1', 't2', 't3', 't4']) {
      convert(trained('bitllama2c-3M-bitnet-tq2_0'), scratch('exact.gguf'), '--type', type);
      assert.ok(tensors(scratch('exact.gguf')).some((tensor) => tensor.type === type));
      assert.deepEqual(hashes(scratch('exact.gguf')), hashes(trained('bitllama2c-3M-bitnet-tq2_0')));
    }
  });

  it('one trit a weight runs on the kernels of BitNet, with the same logits', () => {
    const logits = (file: string, ...args: string[]) => ok('logits', '-m', file, '--tokens', '1,403,407', ...args);
    convert(trained('bitllama2c-3M-bitnet-tq2_0'), scratch('one.gguf'), '--type', 't1');
    for (const layout of ['t2', 't5'])
      assert.equal(logits(scratch('one.gguf'), '--layout', layout), logits(trained('bitllama2c-3M-bitnet-tq2_0'), '--layout', layout));
  });

  it('each trit brings a trained model nearer to its parent, in rows of any length', () => {
    const parent = trained('stories260K-f16');
    let last = Number.POSITIVE_INFINITY;
    for (const type of ['t1', 't2', 't3', 't4']) {
      const report = convert(parent, scratch(`stories-${type}.gguf`), '--type', type);
      assert.ok(report.relative_error > 0.005 && report.relative_error < last / 2, `${type}: ${report.relative_error}`);
      last = report.relative_error;
    }
    const [two, three, four] = ['t2', 't3', 't4'].map((type) => quality(scratch(`stories-${type}.gguf`), '--against', parent)) as [
      Quality,
      Quality,
      Quality,
    ];
    assert.ok(two.kl > 4 * three.kl && three.kl > 4 * four.kl && four.kl > 0, `${two.kl} ${three.kl} ${four.kl}`);
    assert.ok(four.kl < 0.005 && four.top1 > 0.95, `${four.kl} ${four.top1}`);
  });

  it('stays within a target and uses it', () => {
    const parent = golden('tiny-llama-f16');
    const { bits, trits } = convert(parent, scratch('target.gguf'), '--target-bits', '3.2');
    assert.ok(bits <= 3.2 && bits > 2.9, `${bits}`);
    assert.ok(trits.filter((count) => count > 0).length > 1, `${trits}`);
    const types = new Set(tensors(scratch('target.gguf')).map((tensor) => tensor.type));
    assert.ok(types.has('f16') && [...types].some((type) => /^t[1-4]$/.test(type)));
    const at = (target: string) => convert(parent, scratch('target.gguf'), '--target-bits', target).relative_error;
    const errors = ['2', '3.2', '4.9', '6.5'].map(at);
    for (let i = 1; i < errors.length; i++) assert.ok((errors[i] as number) < (errors[i - 1] as number), `${errors}`);
    refused(1, /one trit a weight takes 1\.6\d+ bits/, 'quantize', '-i', parent, '-o', scratch('target.gguf'), '--target-bits', '1.5');
  });

  it('heeds what a text asks for', () => {
    const parent = trained('stories260K-f16');
    const plain = readFileSync(stories, 'utf8');
    writeFileSync(scratch('calibration.txt'), plain.slice(plain.length / 2, plain.length / 2 + 20000));
    convert(parent, scratch('plain.gguf'), '--type', 't2');
    convert(parent, scratch('heeding.gguf'), '--type', 't2', '--calibrate', scratch('calibration.txt'), '--calibrate-tokens', '2000');
    const [without, having] = ['plain', 'heeding'].map((name) => quality(scratch(`${name}.gguf`), '--against', parent)) as [Quality, Quality];
    assert.ok(having.kl < 0.95 * without.kl, `${having.kl} with, ${without.kl} without calibration`);
    refused(
      1,
      /calibrate .*nothing-here\.txt|cannot open .*nothing-here\.txt/,
      'quantize',
      '-i',
      parent,
      '-o',
      scratch('x.gguf'),
      '--type',
      't2',
      '--calibrate',
      scratch('nothing-here.txt'),
    );
  });
});

describe('comparison with a parent', { skip: noAssets }, () => {
  it('finds no difference to itself, and the same against stored logits', () => {
    const model = trained('stories260K-f16');
    const own = quality(model, '--against', model, '--save-logits', scratch('parent.logits'));
    assert.ok(Math.abs(own.kl) < 1e-9 && own.top1 === 1, JSON.stringify(own));
    convert(model, scratch('child.gguf'), '--type', 'q4_0');
    const live = quality(scratch('child.gguf'), '--against', model);
    const stored = quality(scratch('child.gguf'), '--against', scratch('parent.logits'));
    assert.ok(live.kl > 0 && live.top1 < 1);
    assert.deepEqual({ ...stored, against: '' }, { ...live, against: '' });
  });

  it('refuses what cannot be compared', () => {
    const model = trained('stories260K-f16');
    const args = ['-f', stories, '--docs', '1'];
    ok('perplexity', '-m', model, ...args, '--save-logits', scratch('short.logits'));
    refused(1, /ends too early/, 'perplexity', '-m', model, '-f', stories, '--docs', '2', '--against', scratch('short.logits'));
    refused(
      1,
      /was written for another text/,
      'perplexity',
      '-m',
      model,
      '-f',
      path.join(ASSETS, 'text/devils_dictionary.txt'),
      '--max-tokens',
      '9',
      '--against',
      scratch('short.logits'),
    );
    ok('synth', '--preset', 'tiny', '-o', scratch('other.gguf'));
    refused(1, /vocabulary of 1024 tokens, the model one of 512/, 'perplexity', '-m', model, ...args, '--against', scratch('other.gguf'));
  });
});

describe('safetensors', { skip: noAssets }, () => {
  const names: [RegExp, string][] = [
    [/^token_embd\.weight$/, 'model.embed_tokens.weight'],
    [/^output_norm\.weight$/, 'model.norm.weight'],
    [/^output\.weight$/, 'lm_head.weight'],
    [/^blk\.(\d+)\.attn_norm/, 'model.layers.$1.input_layernorm'],
    [/^blk\.(\d+)\.ffn_norm/, 'model.layers.$1.post_attention_layernorm'],
    [/^blk\.(\d+)\.attn_output/, 'model.layers.$1.self_attn.o_proj'],
    [/^blk\.(\d+)\.attn_([qkv])/, 'model.layers.$1.self_attn.$2_proj'],
    [/^blk\.(\d+)\.ffn_(gate|up|down)/, 'model.layers.$1.mlp.$2_proj'],
    [/^blk\.(\d+)\.attn_sub_norm/, 'model.layers.$1.self_attn.inner_attn_ln'],
    [/^blk\.(\d+)\.ffn_sub_norm/, 'model.layers.$1.mlp.ffn_layernorm'],
  ];
  const CONFIG = {
    model_type: 'llama',
    num_hidden_layers: 2,
    hidden_size: 256,
    intermediate_size: 1024,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 512,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
  };
  const HEAD = 64;

  /** A GGUF's tensors as Hugging Face has them: there the halves of a head of q and k of llama are not interleaved. */
  function foreign(file: string, arch = 'llama'): Record<string, SafeTensor> {
    const all: Record<string, SafeTensor> = {};
    for (const { name, type, shape } of tensors(file)) {
      const row = names.find(([pattern]) => pattern.test(name));
      assert.ok(row, name);
      const from = rows(file, name);
      const turned = arch === 'llama' && /attn_[qk]\.weight$/.test(name);
      const order = from.map((_, r) => (turned ? r - (r % HEAD) + 2 * ((r % HEAD) % (HEAD / 2)) + Math.floor((r % HEAD) / (HEAD / 2)) : r));
      all[name.replace(row[0], row[1])] = {
        dtype: type === 'f16' ? 'F16' : 'F32',
        shape: [...shape].reverse(),
        values: order.flatMap((r) => from[r] as number[]),
      };
    }
    return all;
  }

  function config(file = golden('tiny-llama-f16'), arch = 'llama'): Record<string, unknown> {
    const { keys } = JSON.parse(ok('info', '-m', file, '-o', 'json')) as { keys: Record<string, number> };
    return {
      ...CONFIG,
      num_hidden_layers: keys[`${arch}.block_count`],
      intermediate_size: keys[`${arch}.feed_forward_length`],
      max_position_embeddings: keys[`${arch}.context_length`],
      rms_norm_eps: keys[`${arch}.attention.layer_norm_rms_epsilon`],
      rope_theta: keys[`${arch}.rope.freq_base`],
    };
  }

  function write(name: string, files: Record<string, string | Uint8Array>): string {
    mkdirSync(scratch(name), { recursive: true });
    for (const [file, bytes] of Object.entries(files)) writeFileSync(path.join(scratch(name), file), bytes);
    return scratch(name);
  }

  it('in several files become the GGUF they came from, and its logits', () => {
    const all = Object.entries(foreign(golden('tiny-llama-f16')));
    const halves = [all.slice(0, 7), all.slice(7)].map((part) => Object.fromEntries(part));
    const map = Object.fromEntries(all.map(([name], i) => [name, i < 7 ? 'model-1.safetensors' : 'model-2.safetensors']));
    const model = write('sharded', {
      'config.json': JSON.stringify(config()),
      'model.safetensors.index.json': JSON.stringify({ metadata: {}, weight_map: map }),
      'model-1.safetensors': safetensorsBytes(halves[0] as Record<string, SafeTensor>),
      'model-2.safetensors': safetensorsBytes(halves[1] as Record<string, SafeTensor>),
    });
    convert(model, scratch('back.gguf'), '--type', 'f16', '--vocab', golden('tiny-llama-f16'));
    assert.deepEqual(hashes(scratch('back.gguf')), hashes(golden('tiny-llama-f16')));
    const logits = (file: string) => ok('logits', '-m', file, '--tokens', '1,5,9,200');
    assert.equal(logits(scratch('back.gguf')), logits(golden('tiny-llama-f16')));
    for (const type of ['t3', 'q8_0']) {
      convert(model, scratch('one.gguf'), '--type', type, '--head', 'q8_0');
      convert(golden('tiny-llama-f16'), scratch('two.gguf'), '--type', type, '--head', 'q8_0');
      assert.deepEqual(hashes(scratch('one.gguf')), hashes(scratch('two.gguf')), type);
    }
  });

  it('of bitnet_b1_58, which calls itself llama, become the graph with norms before the outputs', () => {
    const file = golden('tiny-bitnetsilu-f16');
    const model = write('bitnet-class', {
      'config.json': JSON.stringify({ ...config(file, 'bitnet'), architectures: ['BitnetForCausalLM'] }),
      'model.safetensors': safetensorsBytes(foreign(file, 'bitnet')),
    });
    convert(model, scratch('bitnet.gguf'), '--type', 'f16', '--vocab', file);
    assert.deepEqual(hashes(scratch('bitnet.gguf')), hashes(file));
    const logits = (of: string) => ok('logits', '-m', of, '--tokens', '1,5,9,200');
    assert.equal(logits(scratch('bitnet.gguf')), logits(file));
  });

  it('that lie are refused with a sentence', () => {
    const name = 'model.embed_tokens.weight';
    const tensor: SafeTensor = { dtype: 'F32', shape: [4, 256], values: new Float32Array(1024) };
    const sound = safetensorsBytes({ [name]: tensor });
    const settings = JSON.stringify(CONFIG);
    const attempts: [RegExp, Record<string, string | Uint8Array>][] = [
      [/header is longer than the file/, { 'model.safetensors': Buffer.from('ffffffffffffff7f00', 'hex') }],
      [/its header cannot be read: JSON, byte 1/, { 'model.safetensors': Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{x')]) }],
      [/runs past the end of the file/, { 'model.safetensors': sound.subarray(0, sound.length - 1) }],
      [
        /offsets of tensor .* are not those of its 4096 bytes/,
        { 'model.safetensors': safetensorsBytes({ [name]: tensor }, { [name]: { data_offsets: [0, 8] } }) },
      ],
      [/impossible dimensions/, { 'model.safetensors': safetensorsBytes({ [name]: tensor }, { [name]: { shape: [2 ** 40, 2 ** 40] } }) }],
      [/dimension that is no whole number above 0/, { 'model.safetensors': safetensorsBytes({ [name]: tensor }, { [name]: { shape: [-4, 256] } }) }],
      [/has dtype I64; F32, F16 and BF16 are read/, { 'model.safetensors': safetensorsBytes({ [name]: { ...tensor, dtype: 'I64' } }) }],
      [/tensor model\.mystery has no place in the llama graph/, { 'model.safetensors': safetensorsBytes({ 'model.mystery': tensor }) }],
      [/model_type "gpt2" is not supported/, { 'model.safetensors': sound, 'config.json': '{"model_type":"gpt2"}' }],
      [/hidden_act is not silu/, { 'model.safetensors': sound, 'config.json': JSON.stringify({ ...CONFIG, hidden_act: 'gelu' }) }],
      [
        /num_hidden_layers is no whole number from 1 to 1024/,
        { 'model.safetensors': sound, 'config.json': '{"model_type":"llama","num_hidden_layers":1e9}' },
      ],
      [/outside its folder/, { 'model.safetensors.index.json': JSON.stringify({ weight_map: { [name]: '../x.safetensors' } }) }],
      [/No such file/, { 'model.safetensors.index.json': JSON.stringify({ weight_map: { [name]: 'absent.safetensors' } }) }],
    ];
    for (const [i, [sentence, files]] of attempts.entries()) {
      const model = write(`lie-${i}`, { 'config.json': settings, ...files });
      refused(1, sentence, 'quantize', '-i', model, '-o', scratch('lie.gguf'), '--type', 't2');
      assert.ok(!existsSync(scratch('lie.gguf')) && !existsSync(scratch('lie.gguf.part')));
    }
  });
});
