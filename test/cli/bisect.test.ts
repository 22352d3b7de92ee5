import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Planned, Wanted } from '../../src/cli/bench_device.ts';
import { Bisection, type BisectionOptions } from '../../src/cli/bisect_run.ts';
import { type Step, stepsOf } from '../../src/cli/bisect_steps.ts';
import type { Context } from '../../src/cli/context.ts';
import { FleetError } from '../../src/core/errors.ts';
import { openStore } from '../../src/store/store.ts';
import { databasePath } from '../support/database.ts';
import { temporaryFolder } from '../support/folder.ts';
import { normal, seeded } from '../support/random.ts';
import { commit, repository } from '../support/repository.ts';
import { newRun, sample } from '../support/runs.ts';

/** What a step is: its machine code, its speed, and what is wrong with it. */
interface Made {
  code: string | null;
  rate: number;
  wrong?: 'build' | 'output' | 'busy';
}

const CONTEXT = { say: () => {} } as unknown as Context;

function planOf(made: Made, step: number): Planned {
  const build = {
    ...{ id: String(step), toolchain: 'gcc-12', compiler: 'gcc 12', target: 'x86_64-linux' as const, flags: '', path: 'trit' },
    ...{ sha256: String(step).padStart(64, '0'), bytes: 1, code: made.code },
  };
  return { spec: { toolchain: 'gcc-12', flags: '', name: String(step) }, build, binary: `/trit-${step}`, threads: 2 };
}

/** A device on which launches take no time, and a bisection over these steps on it. */
function bench(
  t: TestContext,
  steps: readonly Made[],
  path = databasePath(t),
  more: Partial<BisectionOptions> = {},
  onLaunch: (launches: number) => void = () => {},
) {
  const store = openStore(path);
  t.after(() => store.close());
  const random = seeded(steps.length);
  const built: number[] = [];
  let launches = 0;
  const stepOf = ({ binary }: Planned) => Number(binary.slice(6));
  const lane = {
    device: { id: 'pi' },
    async supply({ name }: Wanted) {
      const step = Number(name);
      built.push(step);
      if (steps[step]?.wrong === 'build') throw new FleetError('gcc-12 did not build the engine: error: x');
      return [planOf(steps[step] as Made, step)];
    },
    wrongOutput: async (plan: Planned) => (steps[stepOf(plan)]?.wrong === 'output' ? 'trit check failed: gemv' : null),
    async run(plan: Planned) {
      const made = steps[stepOf(plan)] as Made;
      onLaunch(launches);
      const id = `run-${path.length}-${store.runs().length}-${launches++}`;
      store.createRun(newRun({ id, device: 'pi', build: plan.build, started: launches }));
      store.append(id, sample(1, 'decode_rate', made.rate * (1 + 0.005 * normal(random))));
      if (made.wrong === 'busy') store.addFlag(id, 'busy', 'seen');
      store.finish(id, 'ok', null);
      return id;
    },
  };
  const list = steps.map(
    (_, i): Step => ({ id: `c${i}`, title: `c${i}`, wanted: async () => ({ toolchain: 'gcc-12', flags: '', name: String(i) }) }),
  );
  const last = steps.length - 1;
  const bisection = new Bisection(
    CONTEXT,
    lane,
    { steps: list, good: planOf(steps[0] as Made, 0), bad: planOf(steps[last] as Made, last) },
    { store, signal: new AbortController().signal, model: 'tiny', suite: { name: 'pair', version: 1 }, metric: ['decode_rate'], ...more },
  );
  return { store, bisection, built, launches: () => launches, path };
}

const fast = (code: string | null = null): Made => ({ code, rate: 20 });
const slow = (code: string | null = null): Made => ({ code, rate: 18 });

describe('bisection', () => {
  it('measures each step against the good side and finds the first slow one', async (t) => {
    const { bisection, store } = bench(t, [fast(), fast(), fast(), fast(), slow(), slow(), slow(), slow()]);
    assert.deepEqual(await bisection.run(), { good: 3, bad: 4 });
    assert.deepEqual([...bisection.tried.keys()], [7, 3, 5, 4]);
    assert.ok([...bisection.tried.values()].every(({ how, comparison }) => how === 'measured' && comparison !== null));
    assert.ok(
      store.comparisons().every(({ baseline }) => baseline.sha256 === '0'.repeat(64)),
      'the good side is one side of each',
    );
  });

  it('equal code needs no measurement', async (t) => {
    const { bisection, launches, built } = bench(t, [fast('a'), fast('a'), fast('a'), slow('b'), slow('b')]);
    assert.deepEqual(await bisection.run(), { good: 2, bad: 3 });
    assert.deepEqual([launches(), built], [18, [2, 3]]);
    assert.deepEqual(
      [...bisection.tried.values()].map(({ how, outcome }) => `${how} ${outcome}`),
      ['measured bad', 'same code good', 'same code bad'],
    );
    const same = bench(t, [fast('a'), fast('b'), fast('a')]);
    assert.equal(await same.bisection.run(), 'there is nothing to search: both sides run the same instructions');
    assert.equal(same.launches(), 0);
  });

  it('skips what does not build, computes wrong or cannot be measured, and says so', async (t) => {
    const steps = [
      fast(),
      fast(),
      fast(),
      { ...fast(), wrong: 'output' as const },
      { ...fast(), wrong: 'build' as const },
      fast(),
      slow(),
      slow(),
      slow(),
    ];
    const { bisection } = bench(t, steps);
    assert.deepEqual(await bisection.run(), { good: 5, bad: 6 });
    const skipped = [...bisection.tried].filter(([, { outcome }]) => outcome === 'skip');
    assert.deepEqual(
      skipped.map(([step, { note }]) => [step, note]),
      [
        [4, 'gcc-12 did not build the engine: error: x'],
        [3, 'trit check failed: gemv'],
      ],
    );
    const between = bench(t, [fast(), { ...fast(), wrong: 'busy' }, { ...slow(), wrong: 'build' }, slow()]);
    assert.deepEqual(await between.bisection.run(), { good: 0, bad: 3 });
    assert.match(between.bisection.tried.get(1)?.note ?? '', /8 pairs had an invalid run \(busy\)/);
  });

  it('goes on where an earlier call stopped: what was measured is not measured again', async (t) => {
    const steps = [fast(), fast(), fast(), slow(), slow()];
    const stop = new AbortController();
    const first = bench(t, steps, databasePath(t), { signal: stop.signal }, (launches) => launches === 25 && stop.abort());
    await assert.rejects(first.bisection.run());
    const before = first.launches();
    assert.equal(before, 26);
    const second = bench(t, steps, first.path);
    assert.deepEqual(await second.bisection.run(), { good: 2, bad: 3 });
    assert.equal(second.bisection.tried.get(4)?.how, 'stored');
    assert.equal(second.launches(), 36);
    const third = bench(t, steps, first.path);
    assert.deepEqual(await third.bisection.run(), { good: 2, bad: 3 });
    assert.equal(third.launches(), 0);
    const again = bench(t, steps, first.path, { again: true });
    await again.bisection.run();
    assert.equal(again.launches(), 54);
  });

  it('has nothing to search where the bad side is not slower, computes wrong, or the good side does', async (t) => {
    assert.match(String(await bench(t, [fast(), fast(), fast()]).bisection.run()), /nothing to search: the bad side is same/);
    assert.match(
      String(await bench(t, [fast(), fast(), { ...slow(), wrong: 'output' }]).bisection.run()),
      /bad side could not be judged: trit check failed/,
    );
    assert.match(String(await bench(t, [{ ...fast(), wrong: 'output' }, fast(), slow()]).bisection.run()), /good side cannot be used: trit check/);
  });
});

describe('steps', () => {
  it('of flags: each adds one to those before; the good side has the flags of every step alone', async () => {
    const options = {
      device: 'local',
      suite: 'pair',
      toolchain: 'clang-19',
      metric: ['decode_rate'] as ['decode_rate'],
      flags: '-g0',
      over: ['-O2', 'lto'],
    };
    const { kind, list } = await stepsOf(CONTEXT, options);
    const wanted = await Promise.all(list.map((step) => step.wanted()));
    assert.equal(kind, 'flag');
    assert.deepEqual(
      wanted.map(({ toolchain, flags, name }) => [toolchain, flags, name]),
      [
        ['clang-19', '-g0', 'without the flags'],
        ['clang-19', '-g0 -O2', 'with -O2'],
        ['clang-19', '-g0 -O2 lto', 'with lto'],
      ],
    );
  });

  it('of commits: sources are unpacked when they are wanted, and gone at the end; what killed calls left goes too', async (t) => {
    const source = repository(t);
    mkdirSync(join(source, 'kernels'));
    const commits = ['int a;', 'int b;'].map((text) => {
      writeFileSync(join(source, 'kernels/a.c'), text);
      return commit(source, text);
    });
    const root = temporaryFolder('bisect', t);
    mkdirSync(join(root, '.fleet/bisect/99999999/left'), { recursive: true });
    const options = {
      device: 'local',
      suite: 'pair',
      toolchain: 'cc',
      metric: ['decode_rate'] as ['decode_rate'],
      good: commits[0],
      repository: source,
    };
    const steps = await stepsOf({ ...CONTEXT, root }, options);
    const sources = (await steps.list[1].wanted()).sources ?? '';
    assert.equal(readFileSync(join(sources, 'kernels/a.c'), 'utf8'), 'int b;');
    await steps.clear();
    assert.deepEqual(readdirSync(join(root, '.fleet/bisect')), []);
  });
});
