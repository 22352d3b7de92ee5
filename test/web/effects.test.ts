import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JudgedRow } from '../../src/core/judged.ts';
import type { StoredSetting } from '../../src/core/setting.ts';
import { commandOf } from '../../web/command.ts';
import { effects, likelySides } from '../../web/effects.ts';
import { setting } from '../support/settings.ts';

const judged = (more: Partial<JudgedRow> = {}): JudgedRow => ({
  ...{ id: 'c', device: 'pi', model: 'm', suite: 'pair', threads: 2, metric: 'decode_rate', unit: 'tokens/s', better: 'higher' },
  ...{ baseline: 'gcc', candidate: 'clang', baselineMedian: 10, candidateMedian: 12.5, change: 0.25, interval: [0.2, 0.3], verdict: 'faster' },
  ...{ pairs: 8, invalidPairs: 0, p: 0.01, threshold: 0.02, noise: 0.01, note: null, started: 1, status: 'ok', isNoise: false },
  sides: { baseline: { toolchain: 'gcc', flags: '' }, candidate: { toolchain: 'clang', flags: '' } },
  ...more,
});
const sides = { by: 'toolchain', base: 'gcc', candidate: 'clang', metric: 'decode_rate' } as const;

test('a judged comparison stands with its verdict; turned around it says the opposite', () => {
  const [row] = effects([], [judged()], sides);
  assert.deepEqual([row?.change, row?.interval, row?.verdict, row?.noise, row?.pairs], [0.25, [0.2, 0.3], 'faster', 0.01, 8]);
  const [turned] = effects([], [judged()], { ...sides, base: 'clang', candidate: 'gcc' });
  assert.equal(turned?.verdict, 'slower');
  assert.equal(turned?.change, 1 / 1.25 - 1);
  assert.deepEqual(turned?.interval, [1 / 1.3 - 1, 1 / 1.2 - 1]);
  assert.deepEqual([turned?.baseline, turned?.candidate], [12.5, 10]);
  assert.deepEqual(effects([], [judged({ interval: [null, 0.3] })], { ...sides, base: 'clang', candidate: 'gcc' })[0]?.interval, [1 / 1.3 - 1, null]);
  assert.deepEqual(effects([], [judged({ isNoise: true })], sides), []);
  assert.deepEqual(effects([], [judged()], { ...sides, metric: 'prefill_rate' }), []);
});

test('settings that are alike but for the axis give a ratio and no verdict; what differs in more does not stand side by side', () => {
  const settings = [
    setting({ toolchain: 'gcc', value: 10 }),
    setting({ toolchain: 'clang', value: 12 }),
    setting({ toolchain: 'clang', value: 99, threads: 1 }),
    setting({ toolchain: 'clang', value: 99, valid: false }),
    setting({ toolchain: 'gcc', value: 7, device: 'other' }),
  ];
  const found = effects(settings, [judged({ isNoise: true, noise: 0.02, device: 'pi', threads: 2 })], sides);
  assert.deepEqual(
    found.map(({ change, verdict, pairs, interval, noise }) => [change?.toFixed(3), verdict, pairs, interval, noise]),
    [['0.200', 'unknown', null, null, 0.02]],
  );
  assert.equal(effects(settings, [], { ...sides, by: 'threads', base: '2', candidate: '1' }).length, 1);
  assert.equal(effects(settings, [], { ...sides, by: 'device', base: 'other', candidate: 'pi' })[0]?.baseline, 7);
});

test('model, format and head are parts of a name; the newest binary of a side counts', () => {
  const settings = [
    setting({ model: 'b', value: 1, run: '1', sha256: 'old' }),
    setting({ model: 'b', value: 2, run: '2', sha256: 'new' }),
    setting({ model: 'b:tq1_0:q6_k', value: 4 }),
    setting({ model: 'b:tq1_0:f16', value: 5 }),
  ];
  const one = effects(settings, [], { by: 'head', base: 'q6_k', candidate: 'f16', metric: 'decode_rate' });
  assert.deepEqual([one.length, one[0]?.change], [1, 0.25]);
  assert.equal(one[0]?.held.format, 'tq1_0');
  assert.deepEqual(effects(settings, [], { by: 'format', base: '', candidate: 'tq1_0', metric: 'decode_rate' }), [], 'the head differs, too');
  const plainHead = [...settings, setting({ model: 'b:tq1_0:', value: 6 })] as StoredSetting[];
  assert.equal(effects(plainHead, [], { by: 'format', base: '', candidate: 'tq1_0', metric: 'decode_rate' })[0]?.baseline, 2);
});

test('power of different scopes is not held against each other', () => {
  const watts = (scope: 'wall_ac' | 'cpu_package', toolchain: string) => setting({ toolchain, value: 3, scope, metric: 'energy_per_token' });
  assert.deepEqual(effects([watts('wall_ac', 'gcc'), watts('cpu_package', 'clang')], [], { ...sides, metric: 'energy_per_token' }), []);
  assert.equal(effects([watts('wall_ac', 'gcc'), watts('wall_ac', 'clang')], [], { ...sides, metric: 'energy_per_token' })[0]?.scope, 'wall_ac');
});

test('where nobody has chosen, the two values that share most stand against each other, a judged pair before all', () => {
  const settings = ['a', 'b'].flatMap((device) => ['clang', 'gcc'].map((toolchain) => setting({ device, toolchain, value: 1 })));
  settings.push(
    setting({ toolchain: 'icc', device: 'c', value: 1 }),
    setting({ toolchain: 'icc', device: 'd', value: 1 }),
    setting({ toolchain: 'icc', device: 'e', value: 1 }),
  );
  assert.deepEqual(likelySides(settings, [], 'toolchain', 'decode_rate'), ['clang', 'gcc']);
  assert.deepEqual(likelySides(settings, [judged()], 'toolchain', 'decode_rate'), ['gcc', 'clang']);
  assert.deepEqual(likelySides([], [], 'threads', 'decode_rate'), ['', '']);
});

test('the command of a run is quoted for a shell', () => {
  const run = { device: 'pi', toolchain: 'gcc-12', build: { flags: "-O2 -DX='a b'" }, model: 'm:i2_s:f16', suite: 'smoke', threads: 2, cpus: null };
  assert.equal(
    commandOf(run as never),
    `./fleet bench --device pi --toolchain gcc-12 --flags '-O2 -DX='\\''a b'\\''' --model m:i2_s:f16 --suite smoke --threads 2`,
  );
  const model = (name: string, file: unknown) => / --model (\S+)/.exec(commandOf({ ...run, model: name, engine: { model: { file } } } as never))?.[1];
  assert.equal(model('mine', '/models/mine.gguf'), '/models/mine.gguf', 'a file that was measured in its place');
  assert.equal(model('mine', '/home/pi/.cache/fleet/models/0123456789abcdef-mine.gguf'), 'mine.gguf', 'one that was sent');
  assert.equal(model('tiny', '/home/pi/.cache/fleet/models/tiny-i2_s-f16-s1.gguf'), 'tiny', 'a twin');
  for (const file of ['tiny.gguf', '', 7, undefined, '/\n.gguf']) assert.equal(model('tiny', file), 'tiny');
});
