import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Baseline } from '../../src/core/baseline.ts';
import { type CheckOptions, checkRows, passes } from '../../src/core/check.ts';
import type { StoredComparison } from '../../src/core/comparison.ts';
import type { HistoryRun } from '../../src/core/history.ts';
import { checkMarkdown, checkSentence, checkTable } from '../../src/report/check.ts';
import { junit } from '../../src/report/junit.ts';
import { around, nightly } from '../support/history.ts';
import { seeded } from '../support/random.ts';
import { FACTS } from '../support/runs.ts';
import { metricsOf } from '../support/summaries.ts';

const random = seeded(17);
const baseline: Baseline = { name: 'main', made: 0, runs: nightly(around(20, 8, random)) };
const NEW = { code: 'd'.repeat(64), build: { ...(baseline.runs[0] as HistoryRun).build, sha256: 'f'.repeat(64) } };
const rowsOf = (runs: HistoryRun[], more: Partial<CheckOptions> = {}, against = baseline) =>
  checkRows(against, { most: 0.03, metrics: ['decode_rate'], comparisons: [], runs: [...runs].reverse(), ...more });
const head = { baseline: 'main', most: 0.03 };

/** A comparison of the baseline's binary with a newer one, from these rates. */
function comparison(rates: readonly (readonly [number, number])[], change: Partial<StoredComparison> = {}): StoredComparison {
  const side = { toolchain: 'gcc-12', flags: '-O3 -march=native', compiler: 'gcc 12.2.0' };
  return {
    ...{ id: 'c1', device: 'local', model: 'bitnet-2b-4t', suite: 'pair', threads: 2, metrics: ['decode_rate'], seed: 1, epoch: 'e1' },
    ...{ started: 1e9, ended: 2e9, status: 'ok', message: null },
    baseline: { ...side, sha256: 'ab'.repeat(32), code: 'c'.repeat(64) },
    candidate: { ...side, sha256: 'f'.repeat(64), code: 'd'.repeat(64) },
    launches: rates.flatMap(([a, b], i) => {
      const [first, second] = nightly([a, b], { metrics: {} });
      return [
        { pair: i + 1, side: 'baseline' as const, run: { ...(first as HistoryRun), metrics: metricsOf({ decode_rate: a }, 1) } },
        { pair: i + 1, side: 'candidate' as const, run: { ...(second as HistoryRun), metrics: metricsOf({ decode_rate: b }, 1) } },
      ];
    }),
    ...change,
  };
}
const pairs = (factor: number, noise = 0.005) =>
  around(20, 8, random, noise).map((rate, i) => [rate, rate * factor * (1 + (i % 2 ? noise : -noise))] as const);

describe('check', () => {
  it('judges stored pairs of the baseline binary and a newer one with the allowed loss', () => {
    for (const [factor, outcome] of [
      [0.9, 'regression'],
      [1, 'ok'],
      [1.2, 'ok'],
      [0.985, 'ok'],
    ] as const) {
      const [row] = rowsOf([], { comparisons: [comparison(pairs(factor))] });
      assert.deepEqual(
        [row?.outcome, row?.how, row?.count, row?.suite],
        [outcome, 'pairs', [8, 8], 'pair'],
        `factor ${factor}: ${JSON.stringify(row)}`,
      );
    }
    const noisy = rowsOf([], { comparisons: [comparison(pairs(0.97, 0.04))] });
    assert.deepEqual(
      [noisy[0]?.outcome, passes(noisy), passes([...noisy, ...rowsOf([], { comparisons: [comparison(pairs(1))] })], true)],
      ['unknown', false, false],
    );
  });

  it('takes no comparison of other binaries, of a build with itself, or one that failed', () => {
    for (const change of [
      { baseline: { ...comparison([]).baseline, sha256: '0'.repeat(64), code: null } },
      { baseline: { ...comparison([]).baseline, sha256: '0'.repeat(64), code: '1'.repeat(64) } },
      { candidate: comparison([]).baseline },
      { status: 'failed' as const },
      { device: 'pi' },
      { threads: 1 },
      { started: 0, ended: 1 },
    ])
      assert.match(
        rowsOf([], { comparisons: [comparison(pairs(0.9), change)] })[0]?.note ?? '',
        /nothing was measured since/,
        JSON.stringify(change),
      );
    const again = { baseline: { ...comparison([]).baseline, sha256: '0'.repeat(64) } };
    const [row] = rowsOf([], { comparisons: [comparison(pairs(0.9), again)] });
    assert.deepEqual([row?.how, row?.outcome], ['pairs', 'regression'], 'the same code in another file: the binary was made anew');
  });

  it('holds later runs of the newest build against those of the baseline by ranks', () => {
    const slower = rowsOf(nightly(around(18, 8, random), NEW, 20));
    assert.deepEqual([slower[0]?.outcome, slower[0]?.how, slower[0]?.count, passes(slower)], ['regression', 'runs', [8, 8], false]);
    assert.match(slower[0]?.note ?? '', /--measure/);
    const alike = rowsOf(nightly(around(20, 8, random), NEW, 20));
    assert.deepEqual([alike[0]?.outcome, passes(alike, true)], ['ok', true]);
    const few = rowsOf(nightly([10], NEW, 20));
    assert.deepEqual([few[0]?.outcome, passes(few)], ['unknown', false]);
    assert.match(few[0]?.note ?? '', /8 against 1 runs say nothing/);
  });

  it('judges no run of another environment, none of the same code, none that is invalid or older', () => {
    const moved = rowsOf(nightly(around(10, 8, random), { ...NEW, epoch: 'e2', facts: { ...FACTS, kernel: '6.6.1' } }, 20));
    assert.deepEqual([moved[0]?.outcome, passes(moved)], ['unknown', false]);
    assert.match(moved[0]?.note ?? '', /kernel: 6\.1\.0 before, 6\.6\.1 now/);
    assert.equal(rowsOf(nightly(around(10, 8, random), {}, 20))[0]?.outcome, 'same code');
    for (const change of [{ flags: ['busy' as const] }, { started: -1 }, { launch: true }, { device: 'pi' }])
      assert.match(rowsOf(nightly(around(10, 8, random), { ...NEW, ...change }, 20))[0]?.note ?? '', /nothing was measured/, JSON.stringify(change));
  });

  it('turns round where less is better', () => {
    const latency = (values: number[], change = {}, first = 0) =>
      nightly(values, change, first).map((run, i) => ({ ...run, metrics: metricsOf({ time_to_first_token: values[i] as number }, 1) }));
    const against = { ...baseline, runs: latency(around(1, 8, random)) };
    const outcome = (value: number) => rowsOf(latency(around(value, 8, random), NEW, 20), { metrics: ['time_to_first_token'] }, against)[0]?.outcome;
    assert.deepEqual([outcome(1.1), outcome(0.9), outcome(1)], ['regression', 'ok', 'ok']);
  });

  it('a regression must hold among all rows', () => {
    // p of 8 against 8 runs that do not overlap is 0.00016: among a thousand quiet rows it still holds, but one of 4 against 5 does not
    const devices = Array.from({ length: 40 }, (_, i) => `d${i}`);
    const many = {
      ...baseline,
      runs: devices.flatMap((device) => nightly(around(20, 5, random), { device })).map((run, i) => ({ ...run, id: `b${i}` })),
    };
    const now = devices
      .flatMap((device, i) => nightly(around(i === 0 ? 18 : 20, 5, random), { ...NEW, device }, 20))
      .map((run, i) => ({ ...run, id: `n${i}` }));
    const rows = rowsOf(now, {}, many);
    assert.equal(rows.filter(({ outcome }) => outcome === 'regression').length, 0);
    assert.match(rows[0]?.note ?? '', /false-discovery rate/);
  });

  it('is told as a table, as markdown and as JUnit, with nothing active in it', () => {
    const evil = 'ev<il>&"\u001b[2J|x';
    const against = { ...baseline, runs: baseline.runs.map((run) => ({ ...run, device: evil })) };
    const rows = [...rowsOf(nightly(around(18, 8, random), { ...NEW, device: evil }, 20), {}, against), ...rowsOf([])];
    const told = { ...head, passed: passes(rows) };
    assert.match(checkSentence(rows, told), /Failed: 1 of 2 is more than 3\.0 % worse than baseline main/);
    const xml = junit(rows, told);
    for (const text of [checkTable(rows, told), checkMarkdown(rows, told), xml])
      assert.ok(!text.includes('\u001b') && text.includes('regression'), text);
    assert.match(checkMarkdown(rows, told), /\| device \| metric/);
    assert.ok(!/<il>/.test(xml) && /tests="2"/.test(xml) && /failures="1"/.test(xml) && /skipped="1"/.test(xml), xml);
    const away = { ...head, passed: false, errors: [{ device: 'pi', message: 'pi.lan cannot be reached: no route to it' }] };
    const fine = rowsOf([], { comparisons: [comparison(pairs(1))] });
    assert.equal(checkSentence(fine, away), 'Failed: pi could not be measured.');
    assert.match(checkMarkdown(fine, away), /- pi: pi\.lan cannot be reached/);
    assert.match(junit(fine, away), /<testcase classname="pi" name="it was measured">\s*<error message="pi\.lan cannot be reached: no route to it"/);
    assert.doesNotMatch(junit(fine, away), /too little could be judged/);
    const empty = junit(rowsOf([]), { ...head, passed: false });
    assert.match(empty, /failures="1"/);
  });
});
