import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { openStore } from '../../src/store/store.ts';
import { cli, cliJson, scratch, start } from '../support/cli.ts';
import { fillDemo } from '../support/demo-store.ts';
import { newRun } from '../support/runs.ts';

const folder = scratch();
const db = join(folder, 'fleet.db');
const HOSTILE = 'ev\u001b[2Jil\u202edevice';

before(() => {
  const store = openStore(db);
  fillDemo(store);
  store.createRun(newRun({ id: 'hostile-1', device: HOSTILE, started: Date.now() }));
  store.finish('hostile-1', 'failed', 'it said \u001b]0;owned\u0007');
  store.close();
});

const json = (args: readonly string[], cwd = folder) => cliJson(args, { cwd });

test('runs: the table for people, the same rows as JSON, narrowed by options', async () => {
  const { code, stdout, stderr } = await cli(['runs'], { cwd: folder });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /decode t\/s/);
  const { runs } = (await json(['runs', '--limit', '1000'])) as { runs: { id: string; device: string; status: string }[] };
  assert.ok(runs.length > 10);
  const { runs: failed } = (await json(['runs', '--status', 'failed,cancelled'])) as { runs: { status: string }[] };
  assert.ok(failed.length > 0 && failed.every(({ status }) => status === 'failed' || status === 'cancelled'));
  const { runs: valid } = (await json(['runs', '--valid', '--limit', '1000'])) as { runs: { status: string }[] };
  const { runs: invalid } = (await json(['runs', '--invalid', '--limit', '1000'])) as { runs: unknown[] };
  assert.ok(valid.every(({ status }) => status === 'ok'));
  assert.equal(valid.length + invalid.length, runs.length);
  assert.equal(((await json(['runs', '--device', 'no-such'])) as { runs: unknown[] }).runs.length, 0);
});

test('show: one run by id, by its beginning, or the newest', async () => {
  const { runs } = (await json(['runs', '--valid'])) as { runs: { id: string; device: string }[] };
  const { id, device } = runs[0] as { id: string; device: string };
  const { stdout } = await cli(['show', id], { cwd: folder });
  for (const word of [id, device, 'Decode', 'Prompt ', 'toolchain']) assert.ok(stdout.includes(word), word);
  const { run } = (await json(['show', id])) as { run: { id: string; samples: unknown[] } };
  assert.equal(run.id, id);
  assert.ok(run.samples.length > 0);
  const beginning = await cli(['show', '2'], { cwd: folder });
  assert.equal(beginning.code, 2);
  assert.match(beginning.stderr, /\d+ runs begin with "2"; write more of the id/);
  assert.equal((await cli(['show', 'last'], { cwd: folder })).code, 0);
});

test('report: every format, to stdout or a file', async () => {
  for (const [format, begins] of [
    ['markdown', /\| *device/],
    ['csv', /^id,device,/],
    ['json', /^\{/],
    ['jsonl', /^\{/],
  ] as const) {
    const { code, stdout } = await cli(['report', '--format', format], { cwd: folder });
    assert.equal(code, 0);
    assert.match(stdout, begins);
    const file = join(folder, `report.${format}`);
    await cli(['report', '--format', format, '-o', file], { cwd: folder });
    const picture = format === 'markdown' ? '![Decode rate by device](report.svg)\n\n' : '';
    assert.equal(readFileSync(file, 'utf8').replace(picture, ''), stdout);
    assert.ok(!existsSync(`${file}.part`));
  }
  const { runs } = await json(['report']);
  assert.ok(Array.isArray(runs));
  const unwritable = await cli(['report', '-o', join(folder, 'no/such/place.md')], { cwd: folder });
  assert.equal(unwritable.code, 1);
  assert.match(unwritable.stderr, /place\.(md|svg) cannot be written/);
});

test('nothing that a device said reaches a terminal as it is', async () => {
  for (const args of [['runs'], ['show', 'hostile-1'], ['report'], ['report', '-f', 'csv'], ['runs', '--json']]) {
    const { stdout, code } = await cli(args, { cwd: folder });
    assert.equal(code, 0);
    assert.ok(!['\u001b', '\u0007', '\u202e'].some((active) => stdout.includes(active)), args.join(' '));
    assert.ok(stdout.includes('il'), 'it is shown all the same');
  }
});

test('devices, probe, model and build are one JSON document each', async () => {
  const { devices } = (await json(['devices', '--check', '--device', 'local'])) as { devices: { id: string; reachable: boolean }[] };
  assert.deepEqual(
    devices.map(({ id, reachable }) => [id, reachable]),
    [['local', true]],
  );
  const { facts, target } = (await json(['probe'])) as { facts: { os: string }; target: string };
  assert.equal(facts.os, 'Linux');
  assert.match(target, /-linux$/);
  const { models } = (await json(['model', 'ls'])) as { models: { name: string; bytes: number }[] };
  for (const name of ['bitnet-2b-4t', 'falcon-e-1b', 'falcon3-10b', 'bitnet-large', 'llama3-8b', 'tiny', 'tinyllama-1.1b'])
    assert.ok(
      models.some((model) => model.name === name),
      name,
    );
  const { builds } = (await json(['build'])) as { builds: { path: string; sha256: string; bytes: number }[] };
  assert.ok(existsSync(builds[0]?.path ?? ''));
  assert.match(builds[0]?.sha256 ?? '', /^[0-9a-f]{64}$/);
});

test('a device that cannot be reached: a sentence, and exit 1', async () => {
  const own = scratch();
  writeFileSync(join(own, 'gone.yaml'), 'host: 127.0.0.1\nport: 9\n');
  const { code, stdout } = await cli(['devices', '--check', '--devices', own, '--json', '-d', 'gone']);
  assert.equal(code, 1);
  const [gone] = JSON.parse(stdout).devices;
  assert.equal(gone.reachable, false);
  assert.match(gone.message, /gone/);
});

test('probe --record makes a device that can be replayed', async () => {
  const own = scratch();
  const recorded = await cli(['probe', '--record', join(own, 'me.json')], { cwd: own });
  assert.equal(recorded.code, 0, recorded.stderr);
  writeFileSync(join(own, 'twin.yaml'), 'connector: replay\nrecording: me.json\n');
  const { facts } = (await json(['probe', 'twin', '--devices', own], own)) as { facts: { cpu: string } };
  const { facts: mine } = (await json(['probe'], own)) as { facts: { cpu: string } };
  assert.equal(facts.cpu, mine.cpu);

  // What tells too little is what one wants to look at.
  writeFileSync(join(own, 'me.json'), readFileSync(join(own, 'me.json'), 'utf8').replaceAll('@@fleet meminfo', '@@fleet nothing'));
  const poor = await cli(['probe', 'twin', '--devices', own, '--record', join(own, 'poor.json')], { cwd: own });
  assert.equal(poor.code, 1);
  assert.match(poor.stderr, /device twin: the probe could not find out: memory, .*; `fleet probe twin --record FILE` shows what it answered/);
  assert.match(readFileSync(join(own, 'poor.json'), 'utf8'), /@@fleet nothing/);
});

test('a twin is the same bytes each time, and is not half there when it fails', async () => {
  const own = scratch();
  for (const name of ['a.gguf', 'b.gguf']) assert.equal((await cli(['model', 'synth', 'tiny', '-o', join(own, name)])).code, 0);
  assert.ok(readFileSync(join(own, 'a.gguf')).equals(readFileSync(join(own, 'b.gguf'))));
  const failed = await cli(['model', 'synth', 'tiny', '-o', join(own, 'no/such/c.gguf'), '--json']);
  assert.equal(failed.code, 1);
  assert.match(JSON.parse(failed.stdout).error, /was not made/);
});

test('a reader that goes away early is no fault', async () => {
  const { child, ended } = start(['report', '--format', 'jsonl', '--full'], { cwd: folder });
  child.stdout?.once('data', () => child.stdout?.destroy());
  const { code, stderr } = await ended;
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
});
