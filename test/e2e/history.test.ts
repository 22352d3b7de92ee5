import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { stringify } from 'yaml';
import type { Build } from '../../src/core/build.ts';
import type { CheckRow } from '../../src/core/check.ts';
import type { Facts } from '../../src/core/facts.ts';
import type { HistorySeries } from '../../src/core/history.ts';
import type { RunSummary } from '../../src/core/run.ts';
import { isValid } from '../../src/core/validity.ts';
import { loadSuite } from '../../src/fleet/suite.ts';
import { openStore } from '../../src/store/store.ts';
import { cli, ROOT, scratch } from '../support/cli.ts';
import { around, storeRuns } from '../support/history.ts';
import { seeded } from '../support/random.ts';

/** A change point of made-up runs of a real build in this environment, confirmed by a real rerun. */

const folder = scratch();
const devices = join(folder, 'devices');
const options = { cwd: folder, env: { FLEET_DEVICES: devices, HOME: process.env.HOME ?? folder } };

before(() => {
  execFileSync(join(ROOT, 'fleet'), ['setup'], { stdio: 'ignore' });
  mkdirSync(devices);
  writeFileSync(join(devices, 'local.yaml'), stringify({ connector: 'local', workdir: join(folder, 'work') }));
});

test('history --confirm runs the same binary once more, and the change is confirmed or has passed', async (t) => {
  const { builds } = JSON.parse((await cli(['build', '--json'], options)).stdout) as { builds: [Build] };
  const { facts } = JSON.parse((await cli(['probe', '--json'], options)).stdout) as { facts: Facts };
  const bench = await cli(['bench', '-s', 'smoke', '-t', '1', '--db', 'real.db', '--json'], options);
  const { runs } = JSON.parse(bench.stdout) as { runs: [RunSummary] };
  const [decode, prefill] = [runs[0].metrics.decode_rate?.median, runs[0].metrics.prefill_rate?.median];
  assert.ok(decode && prefill, bench.stderr);
  assert.equal(runs[0].status, 'ok', runs[0].message ?? '');
  if (!isValid(runs[0])) return t.skip(`the run is not valid (${runs[0].flags}): what is measured now tells nothing`);
  const [made] = builds;
  const random = seeded(1);
  const store = openStore(join(folder, 'fleet.db'));
  const conditions = {
    build: made,
    toolchain: made.toolchain,
    facts,
    model: 'tiny',
    suite: 'smoke',
    suiteVersion: loadSuite('smoke').version,
    threads: 1,
  };
  // decode fell to what it really is, prefill rose from what it really is: by so much that no noise of this machine can pass for it
  const factor = 100;
  storeRuns(store, [...around(factor * decode, 12, random), ...around(decode, 6, random)], conditions);
  storeRuns(store, [...around(prefill, 12, random), ...around(factor * prefill, 6, random)], { ...conditions, id: 'prefill' }, 'prefill_rate');
  store.saveBuild(made);
  store.close();

  const { code, stdout, stderr } = await cli(['history', '--confirm', '--json'], options);
  if (code === 1 && /is invalid \(|another one now/.test(stderr))
    return t.skip(`the rerun tells nothing on a machine in this state: ${stderr.trim().split('\n').at(-1)}`);
  assert.equal(code, 0, stderr);
  const { series } = JSON.parse(stdout) as { series: HistorySeries[] };
  assert.deepEqual(
    series.map(({ metric, epochs }) => [metric, epochs.length, epochs[0]?.changes.map(({ status, rerun }) => [status, rerun !== null])]),
    [
      ['decode_rate', 1, [['confirmed', true]]],
      ['prefill_rate', 1, [['passed', true]]],
    ],
  );
  const again = await cli(['history', '--confirm'], options);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stderr, /no change point waits for a rerun/);
  assert.match(again.stdout, /slower −\d\d[\s\S]*confirmed by \d{8}/);

  // the sources as they are make the very code of the baseline: a check builds, and has nothing to measure
  assert.equal((await cli(['baseline', 'set', 'now', '--run', 'run-000'], options)).code, 0);
  const check = await cli(['check', '--against', 'now', '--measure', '--json'], options);
  const { rows } = JSON.parse(check.stdout) as { rows: CheckRow[] };
  assert.deepEqual([check.code, rows.map(({ metric, outcome }) => [metric, outcome])], [0, [['decode_rate', 'same code']]], check.stderr);
});
