import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ASSETS } from '../support/assets.ts';
import { type GgufValue, ggufBytes } from '../support/gguf.ts';
import { run, trit } from '../support/trit.ts';

const skip = existsSync(ASSETS) ? false : `no assets at ${ASSETS}`;
let binary: string;
let folder: string;
before(async () => {
  binary = await trit();
  folder = mkdtempSync(path.join(tmpdir(), 'fleet-tokenizer-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

function tokenize(model: string, text: string | Uint8Array, ...flags: string[]): number[] {
  const result = run(binary, ['tokenize', '-m', model, ...flags], text);
  assert.equal(result.stderr, '');
  assert.equal(result.status, 0);
  return JSON.parse(result.stdout);
}

function decode(model: string, ids: readonly number[]): string {
  const result = run(binary, ['tokenize', '-m', model, '--decode'], JSON.stringify(ids));
  assert.equal(result.stderr, '');
  return result.stdout;
}

/** Demands exit 1 and one sentence on stderr that matches. */
function demandRefusal(args: readonly string[], input: string | Uint8Array, sentence: RegExp): void {
  const result = run(binary, ['tokenize', ...args], input);
  assert.equal(result.status, 1, result.stderr);
  assert.equal(result.stdout, '');
  assert.match(result.stderr, sentence);
  assert.equal(result.stderr.trim().split('\n').length, 1);
}

for (const name of ['ggml-vocab-llama-bpe.gguf', 'ggml-vocab-llama-spm.gguf']) {
  describe(`tokenizer of ${name}`, { skip }, () => {
    const model = path.join(ASSETS, 'vocab', name);

    it('gives the reference ids in all cases of the vocabulary', () => {
      const cases = readFileSync(`${model}.inp`, 'utf8').split('\n__ggml_vocab_test__\n').slice(0, -1);
      const expected = readFileSync(`${model}.out`, 'utf8').split('\n').slice(0, cases.length);
      assert.equal(cases.length, 46);
      for (const [i, text] of cases.entries()) {
        const ids = (expected[i] as string).trim().split(/\s+/).filter(Boolean).map(Number);
        assert.deepEqual(tokenize(model, text), ids, `case ${i}: ${JSON.stringify(text)}`);
      }
    });

    for (const file of skip ? [] : readdirSync(path.join(ASSETS, 'text'))) {
      it(`gives ${file} back from its ids`, () => {
        const text = readFileSync(path.join(ASSETS, 'text', file), 'utf8');
        assert.ok(decode(model, tokenize(model, text)) === text, 'the decoded text differs');
      });
    }

    it('joins a megabyte of letters without quadratic work', () => {
      const letters = Array.from({ length: 1_000_000 }, (_, i) => String.fromCharCode(97 + ((i * i * 7 + i) % 26))).join('');
      const limited = run('sh', ['-c', 'ulimit -t 60 && exec "$0" tokenize -m "$1"', binary, model], letters); // its own time, however busy the machine
      assert.equal(limited.status, 0, `${limited.signal}: ${limited.stderr}`);
      const ids = JSON.parse(limited.stdout) as number[];
      assert.ok(ids.length < 900_000);
      assert.ok(decode(model, ids) === letters, 'the decoded text differs');
    });

    it('refuses bytes that are not UTF-8, naming the first', () => {
      demandRefusal(['-m', model], Buffer.from([0x61, 0x62, 0xc3, 0x28]), /byte 2 \(0xc3\)/);
      demandRefusal(['-m', model], Buffer.from([0xed, 0xa0, 0x80]), /byte 0/);
    });

    it('refuses what is no list of its ids when decoding', () => {
      demandRefusal(['-m', model, '--decode'], '[1,', /JSON, byte 3/);
      demandRefusal(['-m', model, '--decode'], '{"a":1}', /JSON array/);
      demandRefusal(['-m', model, '--decode'], '[1, 1e9]', /entry 1 is not a token id/);
      demandRefusal(['-m', model, '--decode'], '[1, -1]', /entry 1/);
      demandRefusal(['-m', model, '--decode'], '[1.5]', /entry 0/);
    });
  });
}

describe('special tokens', { skip }, () => {
  const bpe = path.join(ASSETS, 'vocab', 'ggml-vocab-llama-bpe.gguf');
  const spm = path.join(ASSETS, 'vocab', 'ggml-vocab-llama-spm.gguf');

  it('are read as tokens only on request', () => {
    assert.deepEqual(tokenize(bpe, 'a<|eot_id|>b', '--special'), [64, 128009, 65]);
    assert.ok(tokenize(bpe, 'a<|eot_id|>b').every((id) => id < 128000));
    assert.ok(tokenize(spm, 'a</s>b').every((id) => id > 2));
    assert.deepEqual(tokenize(spm, '</s>', '--special'), [2]);
  });

  it('stand in front on request, and give no text', () => {
    assert.deepEqual(tokenize(bpe, '', '--bos'), [128000]);
    assert.deepEqual(tokenize(spm, '', '--bos'), [1]);
    assert.equal(decode(bpe, [128000, 64, 128009]), 'a');
    assert.equal(decode(spm, tokenize(spm, ' two  spaces', '--bos')), ' two  spaces');
  });
});

describe('made-up vocabularies', () => {
  const letters = ['a', 'b', 'c', 'ab', 'abc', 'bc', '<x>', '<xy>', 'cab'];
  const bpe: Record<string, GgufValue> = {
    'tokenizer.ggml.model': { text: 'gpt2' },
    'tokenizer.ggml.pre': { text: 'llama-bpe' },
    'tokenizer.ggml.tokens': { texts: letters },
    'tokenizer.ggml.token_type': { i32s: [1, 1, 1, 1, 1, 1, 3, 4, 1] },
    'tokenizer.ggml.merges': { texts: ['b c', 'a b', 'ab c'] },
  };
  const spm: Record<string, GgufValue> = {
    'tokenizer.ggml.model': { text: 'llama' },
    'tokenizer.ggml.tokens': { texts: ['<unk>', '▁', 'a', 'b', 'c', 'ab', 'bc', '<0x64>'] },
    'tokenizer.ggml.token_type': { i32s: [2, 1, 1, 1, 1, 1, 1, 6] },
    'tokenizer.ggml.scores': { f32s: [0, 0, -9, -9, -9, -2, -1, 0] },
    'tokenizer.ggml.unknown_token_id': { u32: 0 },
  };

  function written(keys: Record<string, GgufValue>): string {
    const file = path.join(folder, 'vocabulary.gguf');
    writeFileSync(file, ggufBytes(keys));
    return file;
  }

  function without(keys: Record<string, GgufValue>, ...names: string[]): Record<string, GgufValue> {
    return Object.fromEntries(Object.entries(keys).filter(([name]) => !names.includes(name.replace('tokenizer.ggml.', ''))));
  }

  it('BPE: merges go by rank, a word that is a token needs none', () => {
    const file = written(bpe);
    assert.deepEqual(tokenize(file, 'abcb'), [0, 5, 1]);
    assert.deepEqual(tokenize(file, 'abc'), [4]);
    assert.deepEqual(tokenize(file, 'cab'), [8]);
    assert.deepEqual(tokenize(file, 'cabb'), [2, 3, 1]);
  });

  it('BPE: the longest special token wins; user-defined ones are always read', () => {
    const file = written({
      ...bpe,
      'tokenizer.ggml.tokens': { texts: ['a', 'b', 'c', '<', 'x', '>', '<x>', '<x>>', 'y'] },
      'tokenizer.ggml.merges': { texts: [] },
    });
    assert.deepEqual(tokenize(file, 'a<x>>b<x>', '--special'), [0, 7, 1, 6]);
    assert.deepEqual(tokenize(file, 'a<x>>b<x>'), [0, 7, 1, 3, 4, 5]);
  });

  it('SPM: the best score goes first; the rest falls back to bytes, then to the unknown token', () => {
    const file = written(spm);
    assert.deepEqual(tokenize(file, 'abc'), [1, 2, 6]);
    assert.deepEqual(tokenize(file, 'abd'), [1, 5, 7]);
    assert.deepEqual(tokenize(file, 'abe'), [1, 5, 0]);
    assert.deepEqual(tokenize(written({ ...spm, 'tokenizer.ggml.add_space_prefix': { bool: false } }), 'ab'), [5]);
  });

  const lies: [string, Record<string, GgufValue>, RegExp][] = [
    ['no tokenizer', without(bpe, 'model'), /no tokenizer/],
    ['an unknown tokenizer', { ...bpe, 'tokenizer.ggml.model': { text: 'bert' } }, /neither "gpt2"/],
    ['an unknown pre-tokenizer', { ...bpe, 'tokenizer.ggml.pre': { text: 'qwen2' } }, /"qwen2" is not supported/],
    ['no tokens', without(bpe, 'tokens'), /tokens is missing/],
    ['an empty vocabulary', { ...bpe, 'tokenizer.ggml.tokens': { texts: [] } }, /tokens has 0 entries/],
    ['tokens that are numbers', { ...bpe, 'tokenizer.ggml.tokens': { i32s: [1, 2] } }, /tokenizer\.ggml\.tokens/],
    ['types for other tokens', { ...bpe, 'tokenizer.ggml.token_type': { i32s: [1] } }, /not one number for each of the 9 tokens/],
    ['a type out of range', { ...bpe, 'tokenizer.ggml.token_type': { i32s: [1, 1, 1, 1, 1, 1, 1, 1, 7] } }, /token 8 has a type/],
    ['no merges', without(bpe, 'merges'), /merges is missing/],
    ['a merge without a space', { ...bpe, 'tokenizer.ggml.merges': { texts: ['ab'] } }, /entry 0 is not two parts/],
    ['a merge with one part', { ...bpe, 'tokenizer.ggml.merges': { texts: ['a b', 'a '] } }, /entry 1 is not two parts/],
    ['a merge of unknown parts', { ...bpe, 'tokenizer.ggml.merges': { texts: ['a z'] } }, /entry 0 is about texts that are no tokens/],
    ['a merge to no token', { ...bpe, 'tokenizer.ggml.merges': { texts: ['b a'] } }, /entry 0 is about texts that are no tokens/],
    ['BOS out of range', { ...bpe, 'tokenizer.ggml.bos_token_id': { u32: 9 } }, /bos_token_id is 9, but the vocabulary has 9 tokens/],
    ['EOS that is a text', { ...spm, 'tokenizer.ggml.eos_token_id': { text: '2' } }, /eos_token_id is not a token id/],
    ['no scores', without(spm, 'scores'), /scores is missing/],
    ['scores for other tokens', { ...spm, 'tokenizer.ggml.scores': { f32s: [1, 2] } }, /scores is not one number for each of the 8 tokens/],
    ['no token for a byte', without(spm, 'unknown_token_id'), /no token for the byte 0x7a/],
  ];
  for (const [what, keys, sentence] of lies) {
    it(`refused: ${what}`, () => demandRefusal(['-m', written(keys)], 'az', sentence));
  }
});

describe('chat formats', () => {
  const messages = [
    { role: 'system', content: 'Be kind. ' },
    { role: 'user', content: ' Hi!' },
    { role: 'assistant', content: 'Hello' },
    { role: 'user', content: 'Why?' },
  ];
  // What each model's own template makes of the messages, BOS left out.
  const formats: [string, string | null, string][] = [
    [
      'bitnet',
      "{% for message in messages %}{{ message['role'] | capitalize + ': ' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}",
      'System: Be kind.<|eot_id|>User: Hi!<|eot_id|>Assistant: Hello<|eot_id|>User: Why?<|eot_id|>Assistant: ',
    ],
    [
      "bitnet, the converter's template",
      "{% if message['role'] == 'user' %}{{ 'Human: ' + message['content'] + '\\n\\nBITNETAssistant: ' + eos_token }}{% endif %}",
      'System: Be kind.<|eot_id|>User: Hi!<|eot_id|>Assistant: Hello<|eot_id|>User: Why?<|eot_id|>Assistant: ',
    ],
    [
      'llama3',
      "'<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>'",
      '<|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|>' +
        '<|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|>' +
        '<|start_header_id|>assistant<|end_header_id|>\n\n',
    ],
    [
      'zephyr',
      "{% if message['role'] == 'user' %}\n{{ '<|user|>\\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'assistant' %}" +
        "\n{{ '<|assistant|>\\n'  + message['content'] + eos_token }}",
      '<|system|>\nBe kind. </s>\n<|user|>\n Hi!</s>\n<|assistant|>\nHello</s>\n<|user|>\nWhy?</s>\n<|assistant|>\n',
    ],
    [
      'falcon3',
      "{% if message['role'] == 'user' %}{{ '<|user|>\\n' + message['content'] + '\\n' }}{% else %}" +
        "{{ '<|assistant|>\\n' + message['content'] + eos_token + '\\n' }}{% endif %}",
      '<|system|>\nBe kind. \n<|user|>\n Hi!\n<|assistant|>\nHello<|endoftext|>\n<|user|>\nWhy?\n<|assistant|>\n',
    ],
    [
      'chatml',
      "'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>'",
      '<|im_start|>system\nBe kind. <|im_end|>\n<|im_start|>user\n Hi!<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n' +
        '<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n',
    ],
    ['plain', null, 'Be kind. \n Hi!\nHello\nWhy?'],
  ];

  function vocabulary(template: string | null): string {
    const file = path.join(folder, 'chat.gguf');
    const keys: Record<string, GgufValue> = {
      'tokenizer.ggml.model': { text: 'gpt2' },
      'tokenizer.ggml.tokens': { texts: ['a'] },
      'tokenizer.ggml.merges': { texts: [] },
    };
    writeFileSync(file, ggufBytes(template === null ? keys : { ...keys, 'tokenizer.chat_template': { text: template } }));
    return file;
  }

  for (const [name, template, prompt] of formats) {
    it(name, () => {
      const result = run(binary, ['tokenize', '-m', vocabulary(template), '--chat'], JSON.stringify(messages));
      assert.equal(result.stderr, '');
      assert.equal(result.stdout, prompt);
    });
  }

  it('refuses roles and messages it does not know', () => {
    const file = vocabulary(null);
    demandRefusal(['-m', file, '--chat'], '[{"role":"tool","content":"x"}]', /message 0 has the role "tool"/);
    demandRefusal(['-m', file, '--chat'], '[{"role":"user"}]', /message 0 has no/);
    demandRefusal(['-m', file, '--chat'], '{}', /JSON array/);
  });
});

describe('trit tokenize', () => {
  it('says what is wrong with its flags', () => {
    assert.equal(run(binary, ['tokenize']).status, 2);
    assert.equal(run(binary, ['tokenize', '-m', 'x', '--special', '--no-special']).status, 2);
    assert.equal(run(binary, ['tokenize', '--frobnicate']).status, 2);
    demandRefusal(['-m', path.join(folder, 'absent.gguf')], '', /absent\.gguf/);
  });
});
