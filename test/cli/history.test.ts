import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { CheckRow } from '../../src/core/check.ts';
import type { HistorySeries } from '../../src/core/history.ts';
import { openStore } from '../../src/store/store.ts';
import { cli, scratch } from '../support/cli.ts';
import { around, storeRuns } from '../support/history.ts';
import { seeded } from '../support/random.ts';
import { FACTS } from '../support/runs.ts';

const folder = scratch();
const HOSTILE = 'ev\u001b[2Jil';
const newer = { build: { sha256: 'b'.repeat(64), compiler: 'gcc 12.2.0', flags: '-O3', target: 'x86_64-linux' as const } };

before(() => {
  const random = seeded(23);
  const store = openStore(join(folder, 'fleet.db'));
  storeRuns(store, around(20, 10, random), { id: 'old', started: 0 });
  storeRuns(store, around(18, 6, random), { id: 'mid', started: 1e8 }); // slower, and nothing says why
  storeRuns(store, around(17, 8, random), { ...newer, id: 'new', started: 2e8 });
  storeRuns(store, around(30, 8, random), { id: 'evil', device: HOSTILE, facts: { ...FACTS, kernel: HOSTILE } });
  store.close();
});

async function run(args: readonly string[], status = 0): Promise<{ stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await cli(args, { cwd: folder });
  assert.equal(code, status, `${args.join(' ')}: ${stdout}${stderr}`);
  assert.ok(!stdout.includes('\u001b') && !stderr.includes('\u001b'), 'nothing active reaches a terminal');
  return { stdout, stderr };
}
const json = async <Value>(args: readonly string[], status = 0): Promise<Value> => JSON.parse((await run([...args, '--json'], status)).stdout);

test('baseline: set, list, show, replace, forget', async () => {
  assert.match((await run(['baseline', 'ls'])).stdout, /No baselines/);
  const ids = Array.from({ length: 10 }, (_, i) => `old-00${i}`).join(',');
  const { baseline, replaced } = await json<{
    baseline: { conditions: { runs: string[]; environment: string; kernel: string; sha256: string }[] };
    replaced: boolean;
  }>([...['baseline', 'set', 'main', '--run', ids]]);
  const [conditions] = baseline.conditions;
  assert.deepEqual(
    [replaced, conditions?.runs.length, conditions?.environment.length, conditions?.kernel, conditions?.sha256],
    [false, 10, 16, '6.1.0', 'a'.repeat(64)],
  );
  await run(['baseline', 'set', 'all/of.it']);
  assert.match((await run(['baseline', 'set', 'all/of.it', '-d', HOSTILE])).stderr, /is replaced/);
  assert.match((await run(['baseline', 'ls'])).stdout, /all\/of\.it[\s\S]*main +1970-01-01|main/);
  assert.match((await run(['baseline', 'show', 'main'])).stdout, /local +tiny +smoke +2 +gcc-12:-O3 +10/);
  assert.match((await run(['baseline', 'show', 'mian'], 2)).stderr, /did you mean "main"/);
  assert.match((await run(['baseline', 'set', 'a b'], 2)).stderr, /cannot be the name/);
  assert.match((await run(['baseline', 'set', 'x', '-d', 'nobody'], 2)).stderr, /no valid run/);
  assert.match((await run(['baseline', 'set', 'x', '--run', 'old-000,nope'], 2)).stderr, /no valid run "nope"/);
  assert.match((await run(['baseline', 'rm', 'all/of.it'])).stdout, /is forgotten/);
  assert.equal((await json<{ baselines: unknown[] }>(['baseline', 'ls'])).baselines.length, 1);
  assert.match((await run(['baseline', '--help'])).stdout, /governor[\s\S]*kernel/);
});

test('history: epochs with their causes, change points within', async () => {
  const { series } = await json<{ series: HistorySeries[] }>(['history', '-d', 'local']);
  assert.equal(series.length, 1);
  const [first, second] = series[0]?.epochs ?? [];
  assert.deepEqual([first?.runs, second?.runs, second?.causes.map(({ cause }) => cause)], [16, 8, ['code']]);
  assert.deepEqual(
    first?.changes.map(({ run, verdict, status }) => [run, verdict, status]),
    [['mid-000', 'slower', 'unconfirmed']],
  );
  const { stdout } = await run(['history']);
  assert.match(stdout, /Decode · local · tiny[\s\S]*16 runs[\s\S]*slower −9\.5 %[\s\S]*never confirmed[\s\S]*began with another code/);
  const across = await json<{ series: HistorySeries[] }>(['history', '-d', 'local', '--across', 'code']);
  assert.deepEqual(
    across.series[0]?.epochs.map(({ changes }) => changes.map(({ run }) => run)),
    [['mid-000', 'new-000']],
  );
  assert.match((await run(['history', '--across', 'kernel'], 2)).stderr, /compiler or code/);
  assert.match((await run(['history', '-d', 'nobody'])).stdout, /No valid runs/);
  assert.match((await run(['history', '--metric', 'speed'], 2)).stderr, /metrics are/);
});

test('check: exit status, JUnit and markdown for CI', async () => {
  await run(['baseline', 'set', 'main', '--run', Array.from({ length: 10 }, (_, i) => `old-00${i}`).join(',')]);
  const { rows, passed } = await json<{ rows: CheckRow[]; passed: boolean }>(
    ['check', '--against', 'main', '--max-regression', '3%', '--metric', 'decode_rate', '--junit', 'check.xml', '--markdown', 'check.md'],
    1,
  );
  assert.deepEqual([passed, rows.length, rows[0]?.outcome, rows[0]?.count], [false, 1, 'regression', [10, 8]]);
  assert.match(readFileSync(join(folder, 'check.xml'), 'utf8'), /^<\?xml[\s\S]*<testsuite[\s\S]*<failure /);
  assert.match(readFileSync(join(folder, 'check.md'), 'utf8'), /^# fleet check against main\n\nFailed: 1 of 1/);
  const { stdout } = await run(['check', '--against', 'main', '--max-regression', '30', '--metric', 'decode_rate']);
  assert.match(stdout, /Passed: nothing is more than 30\.0 % worse/);
  for (const [args, sentence] of [
    [['check'], /--against/],
    [['check', '--against', 'nope'], /there is no baseline "nope"/],
    [['check', '--against', 'main', '--max-regression', '0%'], /percentage/],
    [['check', '--against', 'main', '--max-regression', '-3'], /percentage/],
    [['check', '--against', 'main', '-d', 'pi'], /no run of device "pi"/],
    [['check', '--against', 'main', '--measure', '-s', 'nope'], /there is no suite nope/],
  ] as const)
    assert.match((await run(args, 2)).stderr, sentence);
  assert.match((await run(['check', '--against', 'main', '--junit', 'no/such/place.xml'], 1)).stderr, /place\.xml cannot be written/);
});

test('bisect: wrong words are refused before anything is built', async () => {
  for (const [args, sentence] of [
    [['bisect'], /name a commit that was still fast with --good/],
    [['bisect', '--good', 'x', '--over', '-O2'], /give one of them/],
    [['bisect', '--good', 'x', '--repository', folder], /is no git repository/],
    [['bisect', '--over', '-O2 fast'], /no named set/],
    [['bisect', '--over', '-O2', '-c', 'clung'], /there is no toolchain/],
    [['bisect', '--over', '-O2', '-d', 'nobody'], /there is no device/],
  ] as const)
    assert.match((await run(args, 2)).stderr, sentence);
});
