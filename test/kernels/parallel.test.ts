import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { ASSETS } from '../support/assets.ts';
import { temporaryFolder } from '../support/folder.ts';
import { printed, run, trit } from '../support/trit.ts';

let binary = '';
let tiny = '';
before(async () => {
  binary = await trit();
  tiny = join(temporaryFolder('parallel'), 'tiny.gguf');
  assert.equal(run(binary, ['synth', '--preset', 'tiny', '-o', tiny]).status, 0);
});

interface Row {
  n_parallel: number;
  output_hash: string;
  samples_ts: number[];
  avg_ns: number;
}

function bench(model: string, ...more: string[]): Row[] {
  return JSON.parse(printed(binary, ['bench', '-m', model, '-p', '0', '-n', '16', '-r', '1', '-o', 'json', ...more])) as Row[];
}

const MODELS = ['bitllama2c-3M-bitnet-tq2_0.gguf', 'stories260K-f16.gguf'].map((name) => join(ASSETS, 'models', name));
const missing = MODELS.every((model) => existsSync(model)) ? false : `the trained models of ${ASSETS} are absent`;

for (const kv of ['f16', 'q8_0', 'q4_0']) {
  test(`sequences at once say what one says alone, keys and values in ${kv}`, { skip: missing }, () => {
    for (const model of [...MODELS, tiny]) {
      if (kv !== 'f16' && model.includes('stories260K')) continue; // heads of 8
      const [alone] = bench(model, '-t', '1', '-d', '70', '--head', 'full', '--kv', kv);
      const rows = bench(model, '-t', '2', '-d', '70', '--parallel', '1,2,5', '--kv', kv);
      assert.equal(bench(model, '-t', '1', '--parallel', '20').length, 1, 'more of them than tokens of context');
      assert.deepEqual(
        rows.map(({ n_parallel }) => n_parallel),
        [1, 2, 5],
      );
      for (const row of rows) {
        assert.equal(row.output_hash, alone?.output_hash, `${model}, ${row.n_parallel} at once`);
        assert.ok(Math.abs(((row.samples_ts[0] as number) * row.avg_ns) / 1e9 - 16 * row.n_parallel) < 0.01, 'the rate is of all of them');
      }
    }
  });
}

test('wrong numbers of sequences are a sentence', () => {
  for (const text of ['0', '65', 'x']) {
    const { status, stderr } = run(binary, ['bench', '-m', tiny, '--parallel', text]);
    assert.equal(status, 2);
    assert.match(stderr, /--parallel/);
  }
});

test('serve keeps what it has read where a request says so, with the same answers', () => {
  const ask = (id: string, tokens: number[], keep?: boolean) => JSON.stringify({ op: 'generate', id, tokens, max_tokens: 5, ignore_eos: true, keep });
  const start = [1, 20, 300, 40];
  const lines = [ask('a', start), ask('b', [...start, 5, 6], true), ask('c', [...start, 5, 6]), ask('d', [9, 20, 300], true), ask('e', [9, 20, 300])];
  const { stdout } = run(binary, ['serve', '-m', tiny], `${lines.join('\n')}\n`);
  const done = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; id: string; hash: string; n_cached: number; decode_read_bytes: number | null })
    .filter(({ event }) => event === 'done');
  const by = Object.fromEntries(done.map((event) => [event.id, event]));
  assert.deepEqual(
    done.map(({ n_cached }) => n_cached),
    [0, 4, 0, 0, 0],
  );
  assert.equal(by.b?.hash, by.c?.hash);
  assert.equal(by.d?.hash, by.e?.hash);
  const bad = run(binary, ['serve', '-m', tiny], `${JSON.stringify({ op: 'generate', id: 'x', tokens: [1], keep: 'yes' })}\n`);
  assert.match(bad.stdout, /\\"keep\\" must be true or false/);
});

test('perplexity --each tells of every document, also of one with nothing to predict', () => {
  const text = 'one and two\n<|-|>\nx\n<|-|>\nthree and four and five';
  const stdout = printed(binary, ['perplexity', '-m', tiny, '-f', '-', '--separator', '<|-|>', '--each', '-o', 'json'], text);
  const { tokens, nll, documents } = JSON.parse(stdout) as { tokens: number; nll: number; documents: { tokens: number; nll: number }[] };
  assert.equal(documents.length, 3);
  assert.equal(
    documents.reduce((sum, document) => sum + document.tokens, 0),
    tokens,
  );
  const total = documents.reduce((sum, document) => sum + document.tokens * document.nll, 0);
  assert.ok(Math.abs(total / tokens - nll) < 1e-9);
});
