import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import type { JournalRecord } from '../../src/core/journal.ts';
import type { Store } from '../../src/core/store.ts';
import { BundleWriter, bundleLines } from '../../src/exchange/bundle.ts';
import { openStore } from '../../src/store/store.ts';
import { afterwards } from '../support/afterwards.ts';
import { databasePath, freshStore } from '../support/database.ts';
import { fillDemo } from '../support/demo-store.ts';
import { temporaryFolder } from '../support/folder.ts';
import { anyDouble, seeded } from '../support/random.ts';
import { end, FACTS, newComparison, newRun, sample } from '../support/runs.ts';

function exported(store: Store, measured: 'here' | 'elsewhere' | 'anywhere' = 'here'): Buffer {
  const writer = new BundleWriter();
  store.bundle(
    store.runs({ measured }).map(({ id }) => id),
    (line) => writer.add(line),
  );
  return writer.end();
}

const imported = (store: Store, bytes: Buffer) => store.importLines(bundleLines({ name: 'theirs.gz', bytes }), 'theirs.gz');

/** Every row of every table of a database. */
function everything(store: Store): string {
  const db = new Database(store.path, { readonly: true });
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").pluck().all() as string[];
  const rows = tables.map((table) => [table, db.prepare(`SELECT * FROM ${table} ORDER BY 1`).all()]);
  db.close();
  return JSON.stringify(rows);
}

const EVIL = 'ev\u001b[2Jil\u202e <b>"; DROP TABLE runs; --';

let made: string | undefined;

/** A fleet with runs of every kind of ending, every kind of record, a comparison, and names that mean harm: a copy of one that is made once. */
function full(t: TestContext): Store {
  made ??= fill(join(temporaryFolder('bundle'), 'full.db'));
  const path = databasePath(t);
  copyFileSync(made, path);
  const store = openStore(path);
  afterwards(t, () => store.close());
  return store;
}

function fill(path: string): string {
  const store = openStore(path);
  fillDemo(store, { now: Date.UTC(2026, 10, 21) });
  const random = seeded(7);
  const facts = { ...FACTS, cpu: EVIL };
  store.createRun(newRun({ id: 'evil', device: EVIL, toolchain: EVIL, model: EVIL, suite: EVIL, facts, emulated: true, journal: EVIL }));
  const at = (seq: number) => ({ seq, wall: anyDouble(random), mono: anyDouble(random) });
  const where = { prompt: EVIL, launch: 0, repetition: 0 };
  const doubles = Array.from({ length: 50 }, () => anyDouble(random));
  const records: JournalRecord[] = [
    { ...at(1), kind: 'start', job: EVIL, agent: EVIL, pid: 1 },
    { ...at(2), kind: 'engine', engine: { b: [1, null, { c: EVIL }], a: true } },
    { ...at(3), kind: 'sample', metric: 'decode_rate', value: 0.1 + 0.2, ...where, warmup: false },
    { ...at(4), kind: 'sample', metric: 'energy_per_token', value: 5e-324, ...where, warmup: true, source: 'pmic', scope: 'board_rails_partial' },
    {
      ...at(5),
      kind: 'series',
      series: 'power',
      unit: 'W',
      ...where,
      times: doubles,
      values: [...doubles].reverse(),
      source: 'pmic',
      scope: 'estimate',
    },
    { ...at(6), kind: 'output', ...where, hash: 'cafe', text: `two\nlines ${EVIL}`, tokens: 2 },
    { ...at(7), kind: 'flag', flag: 'busy', evidence: EVIL },
    { ...at(8), kind: 'clock', clock: 'engine', offset: 0.1, error: 1e-9 },
    { ...at(9), kind: 'phase', phase: 'measure', detail: EVIL, done: 1, total: 2, tokens: 37 },
    { ...at(10), kind: 'end', status: 'failed', message: EVIL },
  ];
  store.appendMany('evil', records);
  store.annotate('evil', [{ kind: 'sample', metric: 'power_mean', value: 4.5, ...where, warmup: false, source: 'plug', scope: 'wall_ac' }]);
  store.addFlag('evil', 'interrupted', 'the controller was killed');
  const build = { sha256: 'a'.repeat(64), compiler: 'gcc 12.2.0', flags: '-O3', target: 'x86_64-linux', code: null } as const;
  const candidate = { ...build, sha256: 'b'.repeat(64), toolchain: 'clang-19' };
  store.saveBuild({ ...candidate, id: 'key', path: 'trit', bytes: 4096, commit: '0123456789ab+' });
  store.createComparison(newComparison({ id: 'pairs', seed: 3, baseline: { ...build, toolchain: 'gcc-12' }, candidate }));
  for (const [pair, side] of [
    [0, 'baseline'],
    [0, 'candidate'],
    [1, 'baseline'],
    [1, 'candidate'],
  ] as const) {
    const id = `pair-${pair}-${side}`;
    store.createRun(newRun({ id, facts: FACTS, ...(side === 'candidate' ? { build: candidate, toolchain: 'clang-19' } : {}) }));
    store.appendMany(id, [sample(1, 'decode_rate', 10 + pair), end(2)]);
    store.addLaunch('pairs', pair, side, id);
  }
  store.endComparison('pairs', 'ok', null);
  store.setBaseline('pi/v1', ['pair-1-baseline', 'pair-0-baseline']);
  store.addRerun('pair-1-candidate', 'decode_rate');
  store.close();
  return path;
}

test('export, import, export: the same bytes, and every run is what it was', (t) => {
  const [ours, theirs] = [full(t), freshStore(t)];
  const bytes = exported(ours);
  assert.deepEqual(exported(ours), bytes, 'exporting twice gives the same file');
  const done = imported(theirs, bytes);
  const all = ours.runs().filter(({ status }) => status !== 'running' && status !== 'queued');
  assert.equal(done.runs.length, all.length);
  assert.deepEqual([done.known, done.comparisons], [[], ['pairs']]);
  assert.ok(exported(theirs, 'elsewhere').equals(bytes));

  const [origin] = theirs.origins();
  assert.equal(origin?.runs, all.length);
  for (const { id } of all) {
    const [mine, other] = [ours.run(id), theirs.run(id)];
    assert.equal(other?.device, `${mine?.device}@${origin?.id}`);
    assert.equal(other?.origin, origin?.id);
    const { origin: _, ...rest } = { ...other, device: mine?.device };
    assert.deepEqual(rest, mine, id);
  }
  const [comparison] = theirs.comparisons({ id: 'pairs' });
  assert.deepEqual(
    comparison?.launches.map(({ pair, side, run }) => [pair, side, run.id]),
    ours.comparisons({ id: 'pairs' })[0]?.launches.map(({ pair, side, run }) => [pair, side, run.id]),
  );
});

test('baselines and reruns come along, under names that meet none of ours; the newer one of a name counts', (t) => {
  const [ours, theirs] = [full(t), freshStore(t)];
  const bytes = exported(ours);
  const told = (store: Store) => store.baselines().map(({ name, made, runs }) => ({ name, made, runs: runs.map(({ id }) => id).sort() }));
  const [mine] = told(ours);
  theirs.createRun(newRun({ id: 'own' }));
  theirs.appendMany('own', [sample(1, 'decode_rate', 3), end(2)]);
  theirs.setBaseline('pi/v1', ['own']);
  const done = imported(theirs, bytes);
  const [origin] = theirs.origins();
  assert.deepEqual(done.baselines, [`pi/v1@${origin?.id}`]);
  assert.deepEqual(told(theirs)[1], { ...mine, name: `pi/v1@${origin?.id}` });
  assert.deepEqual(told(theirs)[0]?.runs, ['own'], 'ours is what it was');
  assert.deepEqual(theirs.history({ id: 'pair-1-candidate' })[0]?.rerunOf, ['decode_rate']);

  ours.setBaseline('pi/v1', ['pair-0-baseline']);
  assert.deepEqual(imported(theirs, exported(ours)).baselines, [`pi/v1@${origin?.id}`]);
  assert.deepEqual(imported(theirs, bytes).baselines, [], 'an older one changes nothing');
  assert.deepEqual(told(theirs)[1]?.runs, ['pair-0-baseline']);
  assert.deepEqual(imported(ours, bytes).baselines, [], 'nor does our own of before');
  ours.removeBaseline('pi/v1');
  assert.deepEqual(imported(ours, bytes).baselines, ['pi/v1'], 'one that was forgotten comes back under its own name');
  assert.deepEqual(told(ours)[0], mine);

  const lines: string[] = [];
  ours.bundle(['pair-0-baseline'], ({ line }) => lines.push(line));
  assert.ok(!lines.includes('baseline') && !lines.includes('rerun'), 'not without all of its runs');
});

test('a third fleet has the same from the second as from the first', (t) => {
  const [first, second, third] = [full(t), freshStore(t), freshStore(t)];
  const bytes = exported(first);
  imported(second, bytes);
  second.createRun(newRun({ id: 'own' }));
  second.appendMany('own', [sample(1, 'decode_rate', 3), end(2)]);
  const { runs, origins } = imported(third, exported(second, 'anywhere'));
  assert.equal(origins.length, 2);
  assert.equal(runs.length, second.runs({ measured: 'anywhere' }).length);
  assert.equal(
    third.run('own')?.origin,
    origins.find((id) => id !== second.runs({ measured: 'elsewhere' })[0]?.origin),
  );
});

test('imported runs stand apart: no list, device or comparison of this fleet has them unless it asks', (t) => {
  const [ours, theirs] = [full(t), freshStore(t)];
  theirs.createRun(newRun({ id: 'own', device: 'rpi5', started: 1 }));
  theirs.appendMany('own', [sample(1, 'decode_rate', 3), end(2)]);
  const bytes = exported(ours);
  imported(theirs, bytes);
  assert.deepEqual(
    theirs.runs().map(({ id }) => id),
    ['own'],
  );
  assert.deepEqual(
    theirs.runs({ device: 'rpi5' }).map(({ id }) => id),
    ['own'],
  );
  assert.deepEqual(
    theirs.devices().map(({ id }) => id),
    ['rpi5'],
  );
  assert.deepEqual(theirs.comparisons(), []);
  assert.deepEqual(theirs.unfinishedNow().runs, []);
  assert.ok(theirs.runs({ measured: 'elsewhere' }).every(({ origin, device }) => origin !== undefined && device.endsWith(`@${origin}`)));
  assert.equal(theirs.runs({ id: 'evil' }).length, 1, 'by its id it is found');
  assert.ok(theirs.runs({ measured: 'anywhere' }).length > theirs.runs({ measured: 'elsewhere' }).length);
});

test('importing again adds nothing; our own bundle comes back as what it is', (t) => {
  const [ours, theirs] = [full(t), freshStore(t)];
  const bytes = exported(ours);
  const { runs } = imported(theirs, bytes);
  const after = everything(theirs);
  const again = imported(theirs, bytes);
  assert.deepEqual([again.runs, again.known.sort()], [[], runs.sort()]);
  const untimed = (text: string) => text.replace(/"imported":[\d.]+/g, '');
  assert.equal(untimed(everything(theirs)), untimed(after));
  const home = imported(ours, bytes);
  assert.deepEqual([home.runs, home.known.length], [[], runs.length]);
  assert.ok(ours.runs().every(({ origin }) => origin === undefined));
});

/** The bundle with one line replaced and every hash made to fit: what somebody who means harm would send. */
function forged(bytes: Buffer, change: (line: Record<string, unknown>) => Record<string, unknown> | Record<string, unknown>[] | null): Buffer {
  const made: string[] = [];
  let run: string[] | null = null;
  for (const text of gunzipSync(bytes).toString().trimEnd().split('\n')) {
    const changed = change(JSON.parse(text));
    for (const line of changed === null ? [] : [changed].flat()) {
      const sha = (lines: string[]) => createHash('sha256').update(lines.join('')).digest('hex');
      if (line.line === 'run') run = [];
      if (line.line === 'done') Object.assign(line, { lines: run?.length ?? 0, sha256: sha(run ?? []) });
      if (line.line === 'end') Object.assign(line, { lines: made.length, sha256: sha(made) });
      const written = `${JSON.stringify(line)}\n`;
      if (line.line === 'done') run = null;
      run?.push(written);
      made.push(written);
    }
  }
  return gzipSync(made.join(''));
}

test('what is cut off, changed or does not fit together is refused with a sentence, and not a row is stored', (t) => {
  const [ours, theirs] = [full(t), freshStore(t)];
  const bytes = exported(ours);
  const text = gunzipSync(bytes);
  const lines = text.toString().trimEnd().split('\n');
  assert.ok(forged(bytes, (line) => line).length > 0);
  const before = everything(theirs);
  const swap = (kind: string, changes: object) => forged(bytes, (line) => (line.line === kind ? { ...line, ...changes } : line));
  let first = true;
  const twice = forged(bytes, (line) => {
    if (line.line !== 'record' || !first) return line;
    first = false;
    return [line, line];
  });
  const cases: Record<string, [Buffer, RegExp]> = {
    'cut in its middle': [bytes.subarray(0, bytes.length >> 1), /cannot be unpacked: .*Nothing of it was stored/],
    'text cut at a line': [Buffer.from(`${lines.slice(0, -1).join('\n')}\n`), /its end is missing after line/],
    'text cut in a line': [text.subarray(0, text.length - 20), /line \d+: it is no JSON/],
    'a figure changed': [Buffer.from(text.toString().replace(/"value":\d+\.?\d*/, '"value":99')), /is not as it was exported/],
    'a device renamed': [Buffer.from(text.toString().replace('"name":"rpi5"', '"name":"rpi9"')), /lines before it are not those that were exported/],
    'something behind the end': [Buffer.concat([text, Buffer.from('{"line":"bundle","version":1}\n')]), /something stands behind its end/],
    'no first line': [Buffer.from(lines.slice(1).join('\n')), /begins with one line/],
    nothing: [Buffer.from(''), /its end is missing/],
    'a bomb': [Buffer.concat(Array(33).fill(gzipSync(Buffer.alloc(16 * 2 ** 20)))), /unpacks to more than 512 MiB/],
    'a newer version': [swap('bundle', { version: 3 }), /newer fleet \(bundle version 3.*update fleet/],
    'an unknown kind of line': [swap('origin', { line: 'shell' }), /line 2: /],
    'a field that is none': [swap('build', { path: '/etc/passwd' }), /path|Unrecognized/i],
    'an id that is a path': [swap('run', { id: '../../etc' }), /id: letters, digits/],
    'an origin that is none': [swap('origin', { id: 'here' }), /id: a format and 12/],
    'a metric that is none': [
      forged(bytes, (line) =>
        line.line === 'record' && (line.record as { kind: string }).kind === 'sample'
          ? { ...line, record: { ...(line.record as object), metric: 'speed' } }
          : line,
      ),
      /metric/,
    ],
    'a time that is none': [swap('run', { started: 1e300 }), /started/],
    'a build that is missing': [forged(bytes, (line) => (line.line === 'build' ? null : line)), /refers to a build that is not in it/],
    'a device that is missing': [forged(bytes, (line) => (line.line === 'device' ? null : line)), /refers to a device that is not in it/],
    'a device of another origin': [swap('device', { origin: 'fleet-000000000000' }), /of which it says nothing/],
    'a run that is not closed': [forged(bytes, (line) => (line.line === 'done' ? null : line)), /is not closed before run|is not whole/],
    'a record twice': [twice, /two records with the number/],
    'a comparison of other runs': [swap('comparison', { launches: [[1, 'baseline', 'nobody']] }), /has run nobody, which is not in it/],
    'a baseline of other runs': [swap('baseline', { runs: ['nobody'] }), /baseline pi\/v1 has run nobody, which is not in it/],
    'a baseline of another origin': [swap('baseline', { origin: 'fleet-000000000000' }), /baseline pi\/v1 is of the origin .*says nothing/],
    'a baseline called otherwise': [swap('baseline', { name: 'v1@here' }), /name/],
    'a rerun of another run': [swap('rerun', { run: 'nobody' }), /has run nobody, which is not in it/],
  };
  for (const [name, [evil, sentence]] of Object.entries(cases)) {
    assert.throws(() => imported(theirs, evil), { name: 'FleetError', message: sentence }, name);
    assert.equal(everything(theirs), before, name);
  }
  imported(theirs, bytes);
  const whole = everything(theirs);
  const other = forged(bytes, (line) => (line.line === 'flag' ? { ...line, evidence: 'another one' } : line));
  assert.throws(() => imported(theirs, other), { name: 'FleetError', message: /is here already with another content\. Nothing of it was stored/ });
  assert.equal(everything(theirs), whole);
});

test('property: a bundle with a byte changed is refused, or is what it was', (t) => {
  const store = freshStore(t);
  store.createRun(newRun({ id: 'a', facts: FACTS }));
  store.appendMany('a', [sample(1, 'decode_rate', 3), end(2)]);
  const bytes = gunzipSync(exported(store));
  const theirs = freshStore(t);
  const random = seeded(11);
  for (let i = 0; i < 300; i++) {
    const evil = Buffer.from(bytes);
    evil[Math.floor(random() * evil.length)] = Math.floor(random() * 256);
    if (evil.equals(bytes)) continue;
    assert.throws(() => imported(theirs, evil), { name: 'FleetError' }, `change ${i}`);
  }
  assert.deepEqual(theirs.runs({ measured: 'anywhere' }), []);
});
