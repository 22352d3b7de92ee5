import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { stringify } from 'yaml';
import type { ComparisonRow } from '../../src/core/comparison.ts';
import { openStore } from '../../src/store/store.ts';
import { cli, ROOT, scratch } from '../support/cli.ts';

/** Comparisons of real builds on this machine. */

const folder = scratch();
const devices = join(folder, 'devices');
const suite = join(folder, 'short.json');
const options = () => ({ cwd: folder, env: { FLEET_DEVICES: devices, HOME: process.env.HOME ?? folder } });

before(() => {
  execFileSync(join(ROOT, 'fleet'), ['setup'], { stdio: 'ignore' });
  mkdirSync(devices);
  writeFileSync(join(devices, 'local.yaml'), stringify({ connector: 'local', workdir: join(folder, 'work') }));
  const prompts = [{ id: 'a', random_tokens: 4, max_tokens: 24 }];
  writeFileSync(suite, JSON.stringify({ name: 'short', version: 1, title: 'for a test', model: 'tiny', prompts, warmup: 0, repetitions: 2 }));
});

test('a build against itself: eight pairs tell the noise; every launch is a run in the database', async (t) => {
  const { code, stdout, stderr } = await cli(['compare', 'cc', '--noise', '-s', suite, '-t', '1', '--json'], options());
  const { comparisons } = JSON.parse(stdout) as { comparisons: ComparisonRow[] };
  const [decode] = comparisons;
  assert.ok(decode);
  const store = openStore(join(folder, 'fleet.db'), { readonly: true });
  const launches = 2 * (1 + decode.pairs + decode.invalidPairs); // the first two warm up
  assert.equal(store.comparisons()[0]?.launches.length, launches);
  assert.equal(store.runs().length, launches);
  store.close();
  if (decode.invalidPairs === 8) {
    assert.equal(code, 1, stderr);
    assert.match(decode.note ?? '', /8 pairs had an invalid run \([\w, -]+\)/);
    return t.skip(`this machine was in no state for it: ${decode.note}`);
  }
  assert.equal(code, 0, stderr);
  assert.deepEqual([decode.metric, decode.pairs, decode.note], ['decode_rate', 8, null]);
  assert.ok(decode.noise !== null && decode.noise > 0 && decode.threshold >= decode.noise, JSON.stringify(decode));
});

test('flags that change no instruction: "same code", and nothing is launched', async () => {
  const { code, stdout, stderr } = await cli(['compare', 'cc', 'cc:-DUNUSED=1', '-s', suite, '--json'], options());
  assert.equal(code, 0, stderr);
  const { comparisons } = JSON.parse(stdout) as { comparisons: ComparisonRow[] };
  assert.deepEqual(
    comparisons.map(({ verdict, pairs, change }) => [verdict, pairs, change]),
    [
      ['same code', 0, null],
      ['same code', 0, null],
    ],
  );
});

test('wrong words are refused with status 2 and a sentence', async () => {
  for (const [args, sentence] of [
    [['compare', 'cc', 'cc'], /both sides are cc/],
    [['compare', 'cc'], /name what is held against cc/],
    [['compare', 'cc', 'gcc-12', '--noise'], /name only that one/],
    [['compare', 'cc', 'clung-19'], /there is no toolchain "clung-19"; did you mean "clang-19"/],
    [['compare', 'cc', 'cc:rm -rf'], /not a compiler flag/],
    [['compare', 'cc', 'gcc-12', '--metric', 'speed'], /metrics are prefill_rate/],
  ] as const) {
    const { code, stderr } = await cli([...args], options());
    assert.match(stderr, sentence);
    assert.equal(code, 2, stderr);
  }
});
