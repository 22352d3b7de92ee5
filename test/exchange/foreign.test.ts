import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import type { RunDetail, Store } from '../../src/core/store.ts';
import { IMPORT_FORMATS, linesOf } from '../../src/exchange/formats.ts';
import type { Incoming } from '../../src/exchange/incoming.ts';
import { freshStore } from '../support/database.ts';
import { seeded } from '../support/random.ts';

/** Written by the programs themselves: see fixtures/README.md. */
const FIXTURES = join(import.meta.dirname, 'fixtures');
const fixture = (name: string) => readFileSync(join(FIXTURES, name));

function bring(store: Store, name: string, bytes: Buffer = fixture(name), more: Partial<Incoming> = {}) {
  const { format, lines } = linesOf({ name, bytes, modified: Date.UTC(2026, 10, 20), ...more });
  const done = store.importLines(lines, name);
  return { format, done, runs: done.runs.map((id) => store.run(id) as RunDetail) };
}

/** Values of a metric by prompt. */
function values(run: RunDetail | undefined, metric: string): [string | null, number][] {
  return (run?.samples ?? []).filter((sample) => sample.metric === metric).map(({ prompt, value }) => [prompt, value]);
}

interface Result {
  n_prompt: number;
  n_gen: number;
  n_threads: number;
  avg_ns: number;
  samples_ns: number[];
  model_size: number;
}

const RESULTS = JSON.parse(fixture('llama-bench.json').toString()) as Result[];

test('llama-bench json: a run for each number of threads, a sample for each repetition, rates over the times it told', (t) => {
  const { format, runs } = bring(freshStore(t), 'llama-bench.json');
  assert.equal(format, 'llama-bench-json');
  assert.deepEqual(runs.map(({ threads }) => threads).sort(), [...new Set(RESULTS.map(({ n_threads }) => n_threads))].sort());
  for (const run of runs) {
    const own = RESULTS.filter(({ n_threads }) => n_threads === run.threads);
    const expected = (metric: 'n_prompt' | 'n_gen', prefix: string) =>
      own
        .filter((row) => row[metric] > 0 && (row.n_prompt === 0 || row.n_gen === 0))
        .flatMap((row) => row.samples_ns.map((ns): [string, number] => [`${prefix}${row[metric]}`, row[metric] / (ns / 1e9)]));
    assert.deepEqual(values(run, 'prefill_rate'), expected('n_prompt', 'pp'));
    assert.deepEqual(values(run, 'decode_rate'), expected('n_gen', 'tg'));
    const both = own.filter((row) => row.n_prompt > 0 && row.n_gen > 0);
    assert.ok(both.length > 0, 'the fixture has a test of prompt and generation together');
    assert.deepEqual(
      values(run, 'command_time').map(([, value]) => value),
      both.flatMap(({ samples_ns }) => samples_ns.map((ns) => ns / 1e9)),
    );
    assert.deepEqual(values(run, 'model_bytes'), [[null, own[0]?.model_size]]);
    assert.deepEqual([run.status, run.toolchain, run.suite], ['ok', 'llama-bench', 'llama-bench']);
    assert.match(run.device, /@llama-bench-[0-9a-f]{12}$/);
    assert.match(run.build.compiler, /^build [0-9a-f]+/);
    assert.match(run.build.flags, /n_batch=\d+/);
    assert.equal(run.events.filter(({ kind }) => kind === 'log').length, own.length, 'each result is kept as it was told');
  }
});

test('llama-bench jsonl says the same as json, sql the averages alone', (t) => {
  const store = freshStore(t);
  const first = bring(store, 'llama-bench.jsonl');
  assert.equal(first.format, 'llama-bench-jsonl');
  assert.ok(first.runs.length > 0 && first.runs.every((run) => values(run, 'decode_rate').length > 1));
  const { format, runs } = bring(store, 'llama-bench.sql');
  assert.equal(format, 'llama-bench-sql');
  for (const run of runs) {
    for (const metric of ['prefill_rate', 'decode_rate'])
      for (const [prompt, value] of values(run, metric)) {
        assert.match(prompt ?? '', /^(pp|tg)\d+ \(average\)$/);
        assert.ok(value > 0);
      }
    assert.equal(values(run, 'decode_rate').length, 1);
  }
  assert.equal(store.origins().length, 2);
});

test("SQL is read, not run: our reader gives what SQLite itself has after running the program's own file", () => {
  const { lines } = linesOf({ name: 'b.sql', bytes: fixture('llama-bench.sql'), modified: 0 });
  const told = [...lines].flatMap((line) => (line.line === 'record' && line.record.kind === 'log' ? [JSON.parse(line.record.text)] : []));
  const db = new Database(':memory:');
  db.exec(fixture('llama-bench.sql').toString());
  const rows = db.prepare('SELECT * FROM test').all() as Record<string, unknown>[];
  db.close();
  assert.deepEqual(
    told.map((row) => Object.values(row).map(String)),
    rows
      .map((row) => Object.values(row).map((value) => (typeof value === 'number' ? String(value) : value)))
      .map((row, i) => row.map((value, j) => sameNumber(value, Object.values(told[i])[j]))),
  );
});

/** SQLite writes 1.500000 as 1.5. */
function sameNumber(value: unknown, told: unknown): string {
  return String(value) !== String(told) && Number(value) === Number(told) ? String(told) : String(value);
}

test("trit's own bench prints what is read here", (t) => {
  const bytes = readFileSync(join(import.meta.dirname, '../rivals/fixtures/trit.jsonl'));
  const { runs } = bring(freshStore(t), 'trit.jsonl', bytes);
  assert.equal(runs.length, 1);
  assert.deepEqual(
    values(runs[0], 'decode_rate').map(([prompt]) => prompt),
    ['tg8', 'tg8'],
  );
});

test('hyperfine: a run for each command, a sample for each of its runs, a failing command is a failed run', (t) => {
  const { format, runs } = bring(freshStore(t), 'hyperfine.json', fixture('hyperfine.json'), { device: 'laptop', model: 'tiny' });
  assert.equal(format, 'hyperfine');
  const told = JSON.parse(fixture('hyperfine.json').toString()).results as { command: string; times: number[]; exit_codes: number[] }[];
  assert.deepEqual(
    runs.map(({ suite }) => suite),
    told.map(({ command }) => command),
  );
  runs.forEach((run, i) => {
    assert.deepEqual(
      values(run, 'command_time').map(([, value]) => value),
      told[i]?.times,
    );
    const failed = told[i]?.exit_codes.some((code) => code !== 0);
    assert.equal(run.status, failed ? 'failed' : 'ok');
    assert.match(run.device, /^laptop@hyperfine-/);
  });
  assert.ok(runs.some(({ status }) => status === 'failed') && runs.some(({ status }) => status === 'ok'));
  assert.ok(
    runs.some(({ threads, build }) => threads === 2 && /threads=2/.test(build.flags)),
    'a parameter called threads is one',
  );
});

test('the same file again adds nothing', (t) => {
  const store = freshStore(t);
  for (const name of ['llama-bench.json', 'llama-bench.jsonl', 'llama-bench.sql', 'hyperfine.json']) {
    const { done } = bring(store, name);
    const again = bring(store, name).done;
    assert.deepEqual([again.runs, again.known], [[], done.runs], name);
  }
});

test('what is not as it should be is refused with the place, and nothing is stored', (t) => {
  const store = freshStore(t);
  const text = (value: unknown) => Buffer.from(JSON.stringify(value));
  const sql = fixture('llama-bench.sql').toString();
  const cases: Record<string, [Buffer, RegExp]> = {
    'a result without threads': [text([{ ...RESULTS[0], n_threads: undefined }]), /result 1 is none of llama-bench \(n_threads/],
    'a time below 0': [text([RESULTS[0], { ...RESULTS[1], samples_ns: [-1] }]), /result 2 is none of llama-bench \(samples_ns/],
    'a rate that is text': [text([{ ...RESULTS[0], avg_ns: 'fast' }]), /result 1 is none of llama-bench/],
    'a cut line': [Buffer.from(`${fixture('llama-bench.jsonl').toString().trimEnd().slice(0, -10)}`), /no JSON|nothing that fleet can import/],
    'cut SQL': [Buffer.from(sql.trimEnd().slice(0, -3)), /its last statement is cut off|line \d+ cannot be read/],
    'SQL that does something else': [Buffer.from(`${sql}DROP TABLE runs;`), /a statement begins with DROP/],
    'SQL with a quote in a text': [Buffer.from(sql.replace("'CPU'", "'C'PU'").replace(/'Intel/, "'Int'el")), /cannot be read|one value a column/],
    'SQL with a value too many': [Buffer.from(sql.replace(/\);\s*$/, ", '1');\n")), /has not one value a column/],
    'no result': [Buffer.from('[]'), /nothing that fleet can import: it reads .*hyperfine/],
    'an empty list of hyperfine': [text({ results: [] }), /nothing that fleet can import/],
    'a picture': [Buffer.from([0x89, 0x50, 0x4e, 0x47]), /nothing that fleet can import/],
    'deep JSON': [Buffer.from(`${'['.repeat(200_000)}${']'.repeat(200_000)}`), /nothing that fleet can import/],
  };
  for (const [name, [bytes, sentence]] of Object.entries(cases))
    assert.throws(() => bring(store, 'x', bytes), { name: 'FleetError', message: sentence }, name);
  assert.throws(() => linesOf({ name: 'x', bytes: text(RESULTS), modified: 0 }, 'csv'), {
    name: 'UsageError',
    message: /There is no import format "csv"/,
  });
  assert.throws(() => linesOf({ name: 'x', bytes: text(RESULTS), modified: 0 }, 'hyperfine'), { name: 'FleetError', message: /reads hyperfine/ });
  assert.deepEqual([store.runs({ measured: 'anywhere' }), store.origins()], [[], []]);
});

test('property: files with bytes changed are imported or refused with a sentence, never half', (t) => {
  const store = freshStore(t);
  const random = seeded(5);
  for (const name of ['llama-bench.json', 'llama-bench.jsonl', 'llama-bench.sql', 'hyperfine.json'])
    for (let i = 0; i < 60; i++) {
      const bytes = Buffer.from(fixture(name));
      for (let j = 0; j < 3; j++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      const before = store.runs({ measured: 'anywhere' }).length;
      try {
        const { done } = bring(store, name, bytes);
        assert.equal(store.runs({ measured: 'anywhere' }).length, before + done.runs.length);
      } catch (error) {
        assert.equal((error as Error).name, 'FleetError', `${name}, change ${i}: ${(error as Error).stack}`);
        assert.equal(store.runs({ measured: 'anywhere' }).length, before);
      }
    }
});

test('every row of the table of formats has a file that fits it and no other', () => {
  const files = {
    'llama-bench-json': 'llama-bench.json',
    'llama-bench-jsonl': 'llama-bench.jsonl',
    'llama-bench-sql': 'llama-bench.sql',
    hyperfine: 'hyperfine.json',
  };
  for (const [format, name] of Object.entries(files)) assert.equal(linesOf({ name, bytes: fixture(name), modified: 0 }).format, format);
  assert.deepEqual(IMPORT_FORMATS.map(({ name }) => name).sort(), ['bundle', ...Object.keys(files)].sort());
});
