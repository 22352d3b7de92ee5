import assert from 'node:assert/strict';
import { test } from 'node:test';
import { energyIn } from '../../src/core/energy.ts';
import { joulesOf, type Marker } from '../../src/core/joules.ts';
import { follow, newTrace, note, type PowerTrace, readAt } from '../../src/core/power_trace.ts';
import { Counter, powerOf, type Reading, type Source, silent } from '../../src/core/source.ts';

/** A known curve: W at t, and its integral from 0 to t, J. */
const power = (t: number) => 5 + 3 * Math.sin(t / 3);
const energy = (t: number) => 5 * t - 9 * Math.cos(t / 3) + 9;

const source = (more: Partial<Source> = {}): Source => ({
  ...{ name: 'x', scope: 'dc_input', detail: '', period: 0.1, refresh: 0.01, read: async () => silent('-'), close: async () => {} },
  ...more,
});

/** A trace of readings every `step` seconds from 0 to 40. */
function traced(step: number, read: (t: number) => Reading, more: Partial<Source> = {}): PowerTrace {
  const trace = newTrace(source(more));
  for (let i = 0; i * step <= 40; i++) note(trace, i * step, read(i * step));
  return trace;
}

const W = { begin: 5.33, end: 27.71 };
const TRUE = energy(W.end) - energy(W.begin);

function within(found: ReturnType<typeof energyIn>, share: number, method: 'counter' | 'trapezoid', truth = TRUE): void {
  if (found.joules === null) assert.fail(found.why);
  assert.equal(found.method, method);
  assert.ok(Math.abs(found.joules / truth - 1) < share, `${found.joules} instead of ${truth}`);
}
const none = (found: ReturnType<typeof energyIn>, why: RegExp) => {
  assert.equal(found.joules, null);
  if (found.joules === null) assert.match(found.why, why);
};

test('trapezoid on the stamps as they are: an uneven beat and a slow one come out right', () => {
  within(
    energyIn(
      traced(0.1, (t) => powerOf(power(t))),
      W,
    ),
    0.0001,
    'trapezoid',
  );
  within(
    energyIn(
      traced(1, (t) => powerOf(power(t)), { refresh: 1 }),
      W,
    ),
    0.01,
    'trapezoid',
  );
  const uneven = newTrace(source());
  for (let t = 0; t < 40; t += 0.05 + 0.4 * Math.abs(Math.sin(7 * t))) note(uneven, t, powerOf(power(t)));
  within(energyIn(uneven, W), 0.001, 'trapezoid');
});

test('a counter stands before power, wraps around, and counts while nobody reads it', () => {
  const counter = new Counter(50);
  const read = (t: number): Reading => ({ watts: 3 * power(t), joules: counter.add((45 + energy(t)) % 50, t), why: null });
  within(energyIn(traced(0.1, read), W), 0.0001, 'counter');
  const late = new Counter(null);
  const holed = traced(0.1, (t) => (t > 10 && t < 20 ? silent('away') : { watts: null, joules: late.add(energy(t), t), why: null }));
  within(energyIn(holed, W), 0.0001, 'counter');
});

test('a counter that moves once in 6 s and in steps is read at its moves', () => {
  const counter = new Counter(null);
  const read = (t: number): Reading => ({ watts: null, joules: counter.add(energy(Math.floor(t / 6 + 0.5) * 6), t), why: null });
  none(energyIn(traced(0.5, read), W), /holds 3 new values, and 5 are needed/);
  const finer = new Counter(null);
  const fine = (t: number): Reading => ({ watts: null, joules: finer.add(energy(Math.floor(t)), t), why: null });
  within(energyIn(traced(0.25, fine), W), 0.03, 'counter');
});

test('what was lost is null, never 0, and says why', () => {
  const holed = traced(0.1, (t) => (t > 10 && t < 12 ? silent('the link was cut') : powerOf(power(t))));
  none(energyIn(holed, W), /silent for 2\.\d s in the window \(the link was cut\)/);
  none(
    energyIn(
      traced(0.1, (t) => (t < 10 ? silent('x') : powerOf(5))),
      W,
    ),
    /silent at the beginning/,
  );
  none(
    energyIn(
      traced(0.1, (t) => (t > 10 ? silent('x') : powerOf(5))),
      W,
    ),
    /silent at the end/,
  );
  none(
    energyIn(
      traced(0.1, () => silent('the battery is being charged')),
      W,
    ),
    /gave no readings \(the battery is being charged\)/,
  );
  const reset = new Counter(null);
  const plug = traced(0.1, (t) => ({ watts: null, joules: reset.add(t < 15 ? energy(t) : energy(t) - energy(15), t), why: null }));
  none(energyIn(plug, W), /set back in the window/);
  within(energyIn(plug, { begin: 16, end: 30 }), 0.001, 'counter', energy(30) - energy(16));
});

test('a source too slow for a window gives none, also where it is asked often', () => {
  none(
    energyIn(
      traced(1, (t) => powerOf(power(t))),
      { begin: 5, end: 8 },
    ),
    /holds 3 new values, and 10 are needed/,
  );
  const stale = traced(0.1, (t) => powerOf(power(Math.floor(t / 2) * 2)));
  none(energyIn(stale, { begin: 5, end: 12 }), /holds 3 new values/);
  const steady = traced(0.5, () => powerOf(5), { refresh: 0.5 });
  within(energyIn(steady, W), 1e-9, 'trapezoid', 5 * (W.end - W.begin));
});

const marker = (what: Marker['what'], begin: number, end: number, more: Partial<Marker> = {}): Marker => {
  return { what, prompt: what === 'idle' ? null : 'a', launch: 0, repetition: 0, begin, end, first: null, n_prompt: 0, n_gen: 0, ...more };
};

test('gross and net, prefill and decode, idle before and after', () => {
  // 2 W idle; 10 W in prefill (4 s, 100 tokens), 6 W in decode (8 s, 41 tokens)
  const level = (t: number) => (t < 10 || t >= 22 ? 2 : t < 14 ? 10 : 6);
  const trace = traced(0.01, (t) => powerOf(level(t)));
  const markers = [
    marker('idle', 1, 9),
    marker('sampled', 10, 22, { first: 14, n_prompt: 100, n_gen: 41 }),
    marker('idle', 24, 34, { repetition: 1 }),
  ];
  const entries = joulesOf(trace, markers);
  const value = (metric: string) => entries.flatMap((e) => (e.kind === 'sample' && e.metric === metric ? [e.value] : []));
  const near = (metric: string, ...expected: number[]) => {
    const found = value(metric);
    assert.equal(found.length, expected.length, metric);
    found.forEach((x, i) => void assert.ok(Math.abs(x / (expected[i] as number) - 1) < 0.005, `${metric} ${x}`));
  };
  near('power_idle', 2, 2);
  near('energy_per_prompt_token', 0.4);
  near('energy_per_prompt_token_net', 0.32);
  near('energy_per_token', 1.2);
  near('energy_per_token_net', 0.8);
  near('power_mean', 6);
  assert.ok(entries.every((e) => e.kind === 'sample' && e.source === 'x' && e.scope === 'dc_input'));
  const net = joulesOf(trace, markers.slice(1, 2)).map((e) => (e.kind === 'sample' ? e.metric : e.kind));
  assert.deepEqual(net, ['energy_per_prompt_token', 'energy_per_token', 'power_mean'], 'without idle power there is no net');
});

test('idle power that drifts, and windows without energy, are flagged once each', () => {
  const trace = traced(0.1, (t) => powerOf(t < 20 ? 2 : 2.5));
  const flags = joulesOf(trace, [marker('idle', 1, 9), marker('idle', 25, 35, { repetition: 1 })]).filter((e) => e.kind === 'flag');
  assert.deepEqual(flags, [{ kind: 'flag', flag: 'idle-drift', evidence: 'x: 2.000 W before, 2.500 W after' }]);
  const short = [0, 1, 2].map((repetition) => marker('sampled', 3, 3.5, { first: 3.2, n_prompt: 5, n_gen: 3, repetition }));
  const missing = joulesOf(trace, short);
  assert.equal(missing.length, 1, 'no figure is made up');
  assert.match(missing[0]?.kind === 'flag' ? missing[0].evidence : '', /^x: prefill of a: the window of 0\.20 s holds 2 .*; decode of a: /);
});

test('readings are stamped in the middle of the question; what took long belongs to no moment', async () => {
  let now = 10;
  const clock = () => now;
  const slow = (seconds: number) =>
    source({
      read: async () => {
        now += seconds;
        return powerOf(1);
      },
    });
  const { time, reading } = await readAt(slow(0.4), clock);
  assert.deepEqual([time, reading], [10.2, powerOf(1)]);
  assert.match((await readAt(slow(3), clock)).reading.why ?? '', /its answer took 3\.0 s/);
  assert.equal((await readAt({ ...slow(0.4), period: 0 }, clock)).time, now, 'a stream speaks when it speaks');
});

test('an answer that took much longer than the others is left out: its moment is not known', async () => {
  let now = 0;
  let asked = 0;
  const over = new AbortController();
  const jerky = source({
    read: async () => {
      asked += 1;
      now += asked === 12 ? 0.08 : 0.01;
      if (asked === 20) over.abort();
      return powerOf(asked);
    },
  });
  const seen: number[] = [];
  await follow(
    jerky,
    () => now,
    over.signal,
    (_, { watts }) => seen.push(watts as number),
    0.1,
  );
  assert.deepEqual(
    seen.filter((watts) => watts >= 10 && watts <= 14),
    [10, 11, 13, 14],
  );
});

test('a source is followed on its beat, a flood is thinned, a dead one is asked seldom', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let ms = 0; // the time of a machine that is never busy
  const run = async (one: Source, length: number) => {
    const over = new AbortController();
    const trace = newTrace(one);
    let asked = 0;
    const take = (time: number, reading: Reading) => {
      asked += 1;
      note(trace, time, reading);
    };
    const followed = follow(one, () => ms / 1000, over.signal, take);
    for (let passed = 0; passed < length; passed++) {
      await new Promise(setImmediate);
      ms += 1;
      t.mock.timers.tick(1);
    }
    over.abort();
    await followed;
    return { trace, asked };
  };
  const beat = await run(source({ period: 0.05, read: async () => powerOf(1) }), 1030);
  assert.ok(beat.asked >= 20 && beat.asked <= 21, `${beat.asked}`);
  const flood = await run(source({ period: 0, read: () => new Promise((resolve) => setImmediate(resolve, powerOf(1))) }), 300);
  assert.ok(flood.trace.times.length <= 76 && flood.asked > 2 * flood.trace.times.length, `${flood.asked} ${flood.trace.times.length}`);
  const dead = await run(source({ period: 0, read: async () => silent('it is gone') }), 500);
  assert.ok(dead.asked < 30, `${dead.asked}`);
  assert.deepEqual([dead.trace.times.length, dead.trace.why], [0, 'it is gone']);
});
