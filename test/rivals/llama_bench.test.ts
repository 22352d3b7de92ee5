import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parseBench } from '../../src/rivals/llama_bench.ts';

const recorded = (name: string): string => readFileSync(path.join(import.meta.dirname, 'fixtures', name), 'utf8');

/** What stands in each recording: a prefill of 16 tokens and a decode of 8, with one thread. */
const RECORDINGS = [
  { file: 'bitnet.cpp.json', rates: [10329.842466, 5273.264201], bytes: 1136512, build: '16da220 (109)' },
  { file: 'bitnet.cpp.md', rates: [6882.26, 5295.62], bytes: 1.08 * 2 ** 20, build: '16da220 (109)' },
  { file: 'ik_llama.cpp.json', rates: [35304.807077, 19017.053104], bytes: 1660800, build: '8337e4cd3 (4840)' },
  { file: 'ik_llama.cpp.md', rates: [35009.16, 15183.53], bytes: 1.58 * 2 ** 20, build: '8337e4cd3 (4840)' },
  { file: 'llama.cpp.json', rates: [106.671713, 69.678635], bytes: 1037312, build: '20f1789d (3639)' },
  { file: 'llama.cpp.md', rates: [110.95, 68.95], bytes: 0.99 * 2 ** 20, build: '20f1789d (3639)' },
  { file: 'trit.json', rates: [83130.26010997404, 24454.22623875553], bytes: 1136512, build: '0.1.0' },
];

for (const { file, rates, bytes, build } of RECORDINGS) {
  test(`${file} says what was measured`, () => {
    const rows = parseBench(recorded(file));
    assert.deepEqual(
      rows.map((row) => [row.test, row.rate, row.threads, row.model_bytes, row.build]),
      [
        ['pp16', rates[0], 1, bytes, build],
        ['tg8', rates[1], 1, bytes, build],
      ],
    );
    assert.deepEqual(parseBench(`loading the model\n${recorded(file)}\ndone\n`), rows, 'whatever stands around it');
  });
}

test('JSON lines are read, and what trit says more than others', () => {
  const rows = parseBench(recorded('trit.jsonl'));
  assert.deepEqual(
    rows.map((row) => row.test),
    ['pp16', 'tg8'],
  );
  assert.deepEqual(
    rows.map((row) => row.bytes_per_token),
    [null, 1144832],
  );
  assert.match(rows[0]?.compiler ?? '', /^\S+ .*-O3/);
});

test('no result is none: crashes, nothing, half a document, rates that are no numbers', () => {
  const whole = recorded('bitnet.cpp.json');
  const table = recorded('bitnet.cpp.md');
  for (const text of [
    '',
    '[\n',
    '[]',
    'null',
    '{"n_prompt": 1}',
    recorded('llama.cpp-aborted.txt'),
    whole.slice(0, 300),
    whole.replace(/"avg_ts": [\d.]+/g, '"avg_ts": null'),
    whole.replace(/"avg_ts": [\d.]+/g, '"avg_ts": 0'),
    table.replace(/\d+\.\d+ ±/g, 'nan ±'),
    table.split('\n').slice(2).join('\n'),
  ])
    assert.deepEqual(parseBench(text), [], text.slice(0, 60));
});
