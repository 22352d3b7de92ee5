import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { stringify } from 'yaml';
import type { CheckRow } from '../../src/core/check.ts';
import type { RunSummary } from '../../src/core/run.ts';
import { isValid } from '../../src/core/validity.ts';
import { openStore } from '../../src/store/store.ts';
import { cli, ROOT, scratch } from '../support/cli.ts';
import { commit, repository } from '../support/repository.ts';

/**
 * Bisections and checks in a copy of fleet whose kernels/ has a history of its own: a small engine, built by the host's compiler and measured on
 * this machine. What is made slower is made so by much more than any noise.
 */

const folder = scratch();
const devices = join(folder, 'devices');
const suite = join(folder, 'short.json');
const source = repository();
const options = () => ({ cwd: folder, root: source, env: { FLEET_DEVICES: devices, HOME: process.env.HOME ?? folder } });
const commits: string[] = [];

interface Told {
  found: { id: string; title: string } | null;
  steps: { id: string; outcome: string; how: string; pairs: number; note: string | null }[];
  note: string | null;
}

function change(file: string, from: string, to: string): void {
  const path = join(source, 'kernels', file);
  const text = readFileSync(path, 'utf8');
  assert.ok(text.includes(from), `${file} holds ${from}`);
  writeFileSync(path, text.replace(from, to));
}

const UP = '        multiply(s, &l->up, s->up);\n';
const WRONG = `#include "../ops.h"
#include <string.h>
static void rmsnorm_f32(float *out, const float *x, const float *w, float eps, size_t n)
{
    (void)w, (void)eps;
    memcpy(out, x, n * sizeof *x);
}
void isa_quick(trit_ops *ops)
{
    ops->rmsnorm_f32 = rmsnorm_f32;
}
`;

/** What each commit does to the engine that has the scalar kernels alone. */
const HISTORY: readonly (readonly [message: string, change: () => void])[] = [
  ['Begin', () => {}],
  ['Say more', () => change('forward.c', UP, `        /* the second half of the gate */\n${UP}`)],
  ['Say still more', () => change('forward.c', '/* the second half', '/* the other half')],
  ['Say it shorter', () => change('forward.c', '/* the other half of the gate */', '/* up */')],
  ['Break the build', () => change('forward.c', UP, UP.replace('l->up', 'l->upward'))],
  [
    'Add a quick norm',
    () => {
      change('forward.c', 'l->upward', 'l->up');
      writeFileSync(join(source, 'kernels/isa/quick.c'), WRONG);
      change('isa.inc', 'ISA(scalar, "", "")\n', 'ISA(scalar, "", "")\nISA(quick, "", "")\n');
    },
  ],
  [
    'Take the quick norm back',
    () => {
      rmSync(join(source, 'kernels/isa/quick.c'));
      change('isa.inc', 'ISA(quick, "", "")\n', '');
    },
  ],
  ['Tidy the gate', () => change('forward.c', UP, UP.repeat(12))],
  ['Say even less', () => change('forward.c', '/* up */', '/* */')],
];

before(() => {
  execFileSync(join(ROOT, 'fleet'), ['setup'], { stdio: 'ignore' });
  mkdirSync(devices);
  writeFileSync(join(devices, 'local.yaml'), stringify({ connector: 'local', workdir: join(folder, 'work') }));
  const prompts = [{ id: 'a', random_tokens: 4, max_tokens: 24 }];
  writeFileSync(suite, JSON.stringify({ name: 'short', version: 1, title: 'for a test', model: 'tiny', prompts, warmup: 0, repetitions: 2 }));
  cpSync(join(ROOT, 'kernels'), join(source, 'kernels'), { recursive: true, filter: (path) => !/\/out$|\/test$|\/fuzz$/.test(path) });
  writeFileSync(join(source, 'kernels/isa.inc'), 'ISA(scalar, "", "")\n');
  change('cmd/check.c', 'most = 0;', 'most = 10;'); // what a wrong kernel shows at once need not be looked for long
  for (const [message, make] of HISTORY) {
    make();
    commits.push(commit(source, message));
  }
  for (const name of ['src', 'agents', 'package.json']) cpSync(join(ROOT, name), join(source, name), { recursive: true });
  for (const name of ['node_modules', 'dist']) symlinkSync(join(ROOT, name), join(source, name));
});

/** Puts kernels/ of a commit into the working tree. */
function checkOut(at: number): void {
  execFileSync('git', ['-C', source, 'checkout', '-q', commits[at] as string, '--', 'kernels']);
}

const JUDGED = /could not be judged: .*(invalid run|not settled)|8 pairs had an invalid run/;

const call = (good: number, bad: number) => [
  ...['bisect', '--good', commits[good] as string, '--bad', commits[bad] as string, '--repository', source],
  ...['--flags', '-O1', '-s', suite, '-t', '1'],
];

test('both ends are built and proved before anything is measured: equal code, a broken and a wrong end', async () => {
  for (const [bad, sentence] of [
    [3, /nothing to search: both sides run the same instructions/],
    [4, /did not build the engine.*upward/],
    [5, /bad side could not be judged: it does not pass trit check: quick rmsnorm_f32/],
  ] as const) {
    const { code, stdout, stderr } = await cli([...call(0, bad), '--json'], options());
    assert.equal(code, 1, stderr);
    assert.match(stdout, sentence);
  }
  const store = openStore(join(folder, 'fleet.db'), { readonly: true });
  const runs = store.runs();
  assert.deepEqual(
    runs.map(({ status, build, message }) => [status, build.sha256, /did not build the engine/.test(message ?? '')]),
    [['failed', '', true]],
    'nothing was measured; the side that could not be built has its row',
  );
  store.close();
});

test('finds the commit that made it slower, around one that does not build and one that computes wrong; a second call measures nothing', async (t) => {
  const { code, stdout, stderr } = await cli([...call(0, 8), '--json'], options());
  const told = JSON.parse(stdout) as Told;
  if (JUDGED.test(told.note ?? '')) {
    assert.equal(code, 1, stderr);
    return t.skip(`other programs used the processor: ${told.note}`);
  }
  assert.equal(code, 0, `${stdout}${stderr}`);
  assert.equal(told.found?.id, commits[7]);
  assert.deepEqual(
    told.steps.map(({ id, outcome, how }) => [commits.indexOf(id), outcome, how]),
    [
      [8, 'bad', 'measured'],
      [4, 'skip', 'not measured'],
      [3, 'good', 'same code'],
      [5, 'skip', 'not measured'],
      [6, 'good', 'same code'],
      [7, 'bad', 'same code'],
    ],
  );
  assert.match(told.steps[1]?.note ?? '', /did not build the engine.*upward/);
  assert.match(told.steps[3]?.note ?? '', /does not pass trit check: quick rmsnorm_f32/);
  const store = openStore(join(folder, 'fleet.db'), { readonly: true });
  const begun = ({ build }: { build: { sha256: string } }) => build.sha256 !== ''; // what could not be built has a row too
  const launches = store.runs().filter(begun).length;
  store.close();
  const again = await cli(call(0, 8), options());
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /by +stored|stored/);
  assert.match(again.stdout, new RegExp(`local became slower \\(decode_rate\\) with commit ${commits[7]?.slice(0, 10)} Tidy the gate`));
  const after = openStore(join(folder, 'fleet.db'), { readonly: true });
  assert.equal(after.runs().filter(begun).length, launches);
  const slow = after.comparisons()[0];
  after.close();
  assert.equal(slow?.launches.length, launches);

  // what the bisection measured serves a check against a baseline of the good side as well
  const good = slow?.launches.filter(({ side, pair }) => side === 'baseline' && pair > 0).map(({ run }) => run.id) ?? [];
  assert.equal((await cli(['baseline', 'set', 'good', '--run', good.slice(0, 1).join(',')], options())).code, 0);
  const checked = await cli(['check', '--against', 'good', '--max-regression', '5%', '--metric', 'decode_rate', '--json'], options());
  const { rows } = JSON.parse(checked.stdout) as { rows: CheckRow[] };
  assert.deepEqual([checked.code, rows[0]?.how, rows[0]?.outcome], [1, 'pairs', 'regression'], checked.stdout);
});

test('over flags: the one that made it slower, before one that changes no instruction', async (t) => {
  checkOut(0);
  change('forward.c', UP, `${UP}#ifdef SLOW\n${UP.repeat(11)}#endif\n`);
  const over = ['bisect', '--over', '-DSLOW=1 -DANOTHER=1', '--flags', '-O1', '-s', suite, '-t', '1', '--db', 'over.db', '--json'];
  const { code, stdout, stderr } = await cli(over, options());
  const told = JSON.parse(stdout) as Told & { kind: string };
  if (JUDGED.test(told.note ?? '')) return t.skip(`other programs used the processor: ${told.note}`);
  assert.equal(code, 0, `${stdout}${stderr}`);
  assert.deepEqual([told.kind, told.found], ['flag', { id: '-O1 -DSLOW=1', title: 'with -DSLOW=1' }]);
  assert.deepEqual(
    told.steps.map(({ id, outcome, how }) => [id, outcome, how]),
    [
      ['-O1 -DSLOW=1 -DANOTHER=1', 'bad', 'measured'],
      ['-O1 -DSLOW=1', 'bad', 'same code'],
    ],
  );
});

test("check --measure: the sources as they are against the baseline's binary, in turns; slower fails, the same code measures nothing", async (t) => {
  const db = ['--db', 'check.db'];
  const check = async (...more: string[]) => {
    const told = await cli(['check', '--against', 'main', '--measure', '-s', suite, '--metric', 'decode_rate', ...more, ...db, '--json'], options());
    return { ...told, ...(JSON.parse(told.stdout) as { rows: CheckRow[]; passed: boolean; errors: { message: string }[] }) };
  };
  checkOut(0);
  const bench = await cli(['bench', '--flags', '-O1', '-s', suite, '-t', '1', ...db, '--json'], options());
  const [run] = (JSON.parse(bench.stdout) as { runs: RunSummary[] }).runs;
  assert.ok(run, bench.stderr);
  assert.equal(run.status, 'ok', run.message ?? '');
  if (!isValid(run)) return t.skip(`the run is not valid (${run.flags}), so that there is no baseline`);
  assert.equal((await cli(['baseline', 'set', 'main', '--run', run.id, ...db], options())).code, 0);

  checkOut(1); // a comment more
  const same = await check();
  assert.deepEqual([same.code, same.passed, same.rows.map(({ outcome }) => outcome)], [0, true, ['same code']], same.stderr);

  checkOut(8);
  const slow = await check('--junit', 'check.xml', '--markdown', 'check.md');
  assert.deepEqual([slow.code, slow.passed], [1, false], slow.stderr);
  const store = openStore(join(folder, 'check.db'), { readonly: true });
  const comparisons = store.comparisons();
  store.close();
  assert.equal(comparisons.length, 1, 'the same code was not launched');
  if (JUDGED.test(slow.errors[0]?.message ?? '')) {
    assert.match(readFileSync(join(folder, 'check.xml'), 'utf8'), /<error message="8 pairs had an invalid run/);
    return t.skip(`other programs used the processor: ${slow.errors[0]?.message}`);
  }
  const [row] = slow.rows;
  assert.deepEqual([row?.how, row?.outcome, row?.comparison], ['pairs', 'regression', comparisons[0]?.id], JSON.stringify(row));
  assert.ok((row?.change ?? 0) < -0.1, String(row?.change));
  assert.match(readFileSync(join(folder, 'check.xml'), 'utf8'), /<failure message="regression: /);
  assert.match(readFileSync(join(folder, 'check.md'), 'utf8'), /Failed: 1 of 1 is more than 3\.0 % worse than baseline main/);
});
