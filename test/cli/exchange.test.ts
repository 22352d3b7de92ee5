import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { openStore } from '../../src/store/store.ts';
import { cli, cliJson, ROOT, scratch } from '../support/cli.ts';
import { fillDemo } from '../support/demo-store.ts';

const folder = scratch();
const fixture = (name: string) => join(ROOT, 'test/exchange/fixtures', name);

before(() => {
  const store = openStore(join(folder, 'fleet.db'));
  fillDemo(store);
  store.close();
});

const json = (args: readonly string[], status = 0) => cliJson(args, { cwd: folder }, status);

test('export to one fleet, import into another, export again: the same file', async () => {
  const { runs, unfinished } = (await json(['export', '-o', 'ours.gz'])) as { runs: number; unfinished: number };
  assert.ok(runs > 50 && unfinished === 1);
  const { files } = (await json(['import', 'ours.gz', '--db', 'theirs.db'])) as { files: { runs: string[]; format: string }[] };
  assert.deepEqual([files[0]?.format, files[0]?.runs.length], ['bundle', runs]);
  await json(['export', '--imported', '-o', 'again.gz', '--db', 'theirs.db']);
  assert.ok(readFileSync(join(folder, 'again.gz')).equals(readFileSync(join(folder, 'ours.gz'))));
  assert.deepEqual(await json(['runs', '--db', 'theirs.db']), { runs: [] });
  const { runs: shown } = (await json(['runs', '--imported', '--db', 'theirs.db', '-n', '1'])) as { runs: { id: string; origin: string }[] };
  assert.match(shown[0]?.origin ?? '', /^fleet-[0-9a-f]{12}$/);
  const { run } = (await json(['show', shown[0]?.id ?? '', '--db', 'theirs.db'])) as { run: { origin: string } };
  assert.equal(run.origin, shown[0]?.origin);
});

test('files of other programs: told what came in, listed, and none of them among our runs', async () => {
  const own = (await json(['runs', '-n', '1000'])) as { runs: unknown[] };
  const { stdout, code, stderr } = await cli(['import', fixture('llama-bench.json'), fixture('hyperfine.json'), '--device', 'laptop'], {
    cwd: folder,
  });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /llama-bench\.json \(llama-bench-json\): \d+ runs, of llama-bench-[0-9a-f]{12}\.\n/);
  const { origins } = (await json(['import', '--list'])) as { origins: { format: string; title: string; runs: number }[] };
  assert.deepEqual(origins.map(({ format, title }) => [format, title]).sort(), [
    ['hyperfine', 'hyperfine.json'],
    ['llama-bench', 'llama-bench.json'],
  ]);
  assert.equal(((await json(['runs', '-n', '1000'])) as { runs: unknown[] }).runs.length, own.runs.length);
  const table = await cli(['runs', '--imported'], { cwd: folder });
  assert.match(table.stdout, /laptop@(llama-bench|hyperfine)-/);
  const report = await cli(['report', '--imported', '--format', 'html', '-o', 'imported.html'], { cwd: folder });
  assert.equal(report.code, 0, report.stderr);
  assert.match(readFileSync(join(folder, 'imported.html'), 'utf8'), /laptop@hyperfine-/);
});

test('a file that is refused keeps no other one out; --dry-run stores nothing', async () => {
  writeFileSync(join(folder, 'no.json'), '[{"n_prompt":1}]');
  const db = ['--db', 'dry.db'];
  const dry = await json(['import', fixture('llama-bench.sql'), '--dry-run', ...db]);
  assert.ok(((dry.files as { runs: string[] }[])[0]?.runs.length ?? 0) > 0);
  assert.ok(!existsSync(join(folder, 'dry.db')));
  const { files } = (await json(['import', 'no.json', fixture('llama-bench.sql'), 'absent.json', ...db], 1)) as {
    files: { error?: string; runs?: string[] }[];
  };
  assert.match(files[0]?.error ?? '', /no\.json/);
  assert.ok((files[1]?.runs?.length ?? 0) > 0);
  assert.match(files[2]?.error ?? '', /absent\.json cannot be read/);
});

test('wrong words are refused with status 2 and a sentence', async () => {
  for (const [args, sentence] of [
    [['import'], /name a file to import/],
    [['export', 'nobody', '-o', 'x.gz'], /there is no run "nobody"/],
    [['report', '--format', 'sqlite'], /name it with -o FILE/],
  ] as const) {
    const { code, stderr } = await cli([...args], { cwd: folder });
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, sentence);
  }
  assert.ok(!existsSync(join(folder, 'x.gz')));
  const none = await cli(['export', '--device', 'nobody', '-o', 'x.gz'], { cwd: folder });
  assert.deepEqual([none.code, existsSync(join(folder, 'x.gz'))], [1, false]);
});

test('report: a page, Markdown with its picture, a copy of the database, and what other programs read', async () => {
  for (const [format, begins] of [
    ['html', /^<!doctype html>/],
    ['prometheus', /^# HELP fleet_/],
  ] as const) {
    const { code, stdout, stderr } = await cli(['report', '--format', format], { cwd: folder });
    assert.equal(code, 0, stderr);
    assert.match(stdout, begins);
  }
  const { beside } = (await json(['report', '--format', 'markdown', '-o', 'r.md'])) as { beside: string[] };
  assert.deepEqual(beside, ['r.svg']);
  assert.match(readFileSync(join(folder, 'r.md'), 'utf8'), /!\[Decode rate by device\]\(r\.svg\)/);
  assert.match(readFileSync(join(folder, 'r.svg'), 'utf8'), /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  await json(['report', '--format', 'sqlite', '--device', 'rpi5', '-o', 'rpi5.db']);
  const { runs } = (await json(['runs', '--db', 'rpi5.db', '-n', '1000'])) as { runs: { device: string }[] };
  assert.ok(runs.length > 0 && runs.every(({ device }) => device === 'rpi5'));
});

test('published: a table with sources, narrowed, and the same as JSON', async () => {
  const { stdout, code } = await cli(['published', '--device', 'raspberry pi 5', '--grade', 'B'], { cwd: folder });
  assert.equal(code, 0);
  assert.match(stdout, /Raspberry Pi 5, 8 GB .* 8\.13 /);
  assert.doesNotMatch(stdout, /i7-13800H/);
  const { rows, stories } = (await json(['published'])) as { rows: { grade: string }[]; stories: unknown[] };
  assert.ok(rows.length > 150 && stories.length === 4);
  const { rows: graded } = (await json(['published', '--grade', 'A'])) as { rows: { grade: string }[] };
  assert.ok(graded.length > 50 && graded.every(({ grade }) => grade === 'A'));
});
