import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { stringify } from 'yaml';
import type { RunDetail } from '../../src/core/store.ts';
import { openStore } from '../../src/store/store.ts';
import { cli, ROOT, type Started, scratch, start } from '../support/cli.ts';
import { processesWith, until } from '../support/job.ts';
import { type Sshd, sshdMissing, startSshd } from '../support/sshd.ts';

/** The main job on real parts: this machine, and a real OpenSSH server on a loopback port as a second device. */

const folder = scratch();
const devices = join(folder, 'devices');
const db = join(folder, 'fleet.db');
let sshd: Sshd | null = null;

interface Result {
  runs: RunDetail[];
  errors: { device: string; message: string }[];
}

before(async () => {
  execFileSync(join(ROOT, 'fleet'), ['setup'], { stdio: 'ignore' });
  mkdirSync(devices);
  writeFileSync(join(devices, 'local.yaml'), stringify({ connector: 'local', workdir: join(folder, 'work') }));
  writeFileSync(join(devices, 'gone.yaml'), stringify({ host: '127.0.0.1', port: 9, tags: ['far'] }));
  if (sshdMissing) return;
  sshd = await startSshd();
  const { host, port, user, identity, workdir } = sshd.device('pi');
  writeFileSync(join(devices, 'pi.yaml'), stringify({ host, port, user, identity, workdir }));
});

after(() => sshd?.stop());

const options = () => ({ cwd: folder, env: { FLEET_DEVICES: devices, HOME: process.env.HOME ?? folder } });

function suiteFile(name: string, repetitions: number, tokens: number): string {
  const file = join(folder, `${name}.json`);
  const prompts = ['a', 'b'].map((id) => ({ id, random_tokens: 32, max_tokens: tokens }));
  writeFileSync(file, JSON.stringify({ name, version: 1, title: 'for a test', model: 'tiny', prompts, warmup: 1, repetitions }));
  return file;
}

/** Process ids of the engines on a device that took the signal. */
function signalled(device: string, signal: NodeJS.Signals): number[] {
  const workdir = device === 'pi' ? join((sshd as Sshd).workdir, 'pi') : join(folder, 'work');
  return processesWith(`${workdir}/bin/`).filter((pid) => {
    try {
      return process.kill(pid, signal);
    } catch {
      return false; // it has ended meanwhile
    }
  });
}

interface Held extends Started {
  repetitions: number;
  /** Lets the engines go on. */
  go(): void;
}

/**
 * Starts a bench and stops the engine of each device in the middle of its run until `go`, so that it does not end before what a test is about. A run
 * that ended before this process saw it, on a machine that was busy with others, is made once more, and longer.
 */
async function startHeld(
  name: string,
  args: readonly string[],
  { repetitions, tokens }: { repetitions: number; tokens: number },
  ids = ['local'],
): Promise<Held> {
  const suite = suiteFile(`${name}-${repetitions}`, repetitions, tokens);
  const started = start(['bench', '-d', ids.join(), '-s', suite, ...args], options());
  const stopped = await Promise.all(
    ids.map(async (id) => {
      await started.said(new RegExp(`^${id}: .*: measuring a 1/${repetitions}`, 'm'));
      return signalled(id, 'SIGSTOP').length > 0;
    }),
  );
  const go = (): void => ids.forEach((id) => void signalled(id, 'SIGCONT'));
  if (stopped.every(Boolean)) return { ...started, repetitions, go };
  go();
  await started.ended;
  assert.ok(repetitions < 1000, 'the engine is never seen at work');
  return startHeld(name, args, { repetitions: 3 * repetitions, tokens }, ids);
}

/** Every record of the run is stored, each once, from 1 to its end. */
function assertWhole(id: string, repetitions: number): RunDetail {
  const store = openStore(db, { readonly: true });
  const run = store.run(id);
  store.close();
  assert.ok(run);
  assert.equal(run.status, 'ok', run.message ?? '');
  const seqs = [...run.samples, ...run.series, ...run.outputs, ...run.events].map(({ seq }) => seq).sort((a, b) => a - b);
  assert.equal(new Set(seqs).size, seqs.length, 'a record is stored twice');
  for (const prompt of Object.keys(run.prompts)) {
    const measured: RunDetail['samples'] = run.samples.filter((s) => s.metric === 'time_to_first_token' && s.prompt === prompt && !s.warmup);
    assert.deepEqual(
      measured.map(({ repetition }) => repetition),
      Array.from({ length: repetitions }, (_, i) => i),
    );
  }
  return run;
}

test('bench --device local --suite smoke --json: one document, rows in the database', async () => {
  const { code, stdout, stderr } = await cli(['bench', '--device', 'local', '--suite', 'smoke', '--json'], options());
  assert.equal(code, 0, stderr);
  const { runs, errors } = JSON.parse(stdout) as Result;
  assert.deepEqual(errors, []);
  assert.equal(runs.length, 1);
  const [run] = runs as [RunDetail];
  for (const name of ['prefill_rate', 'decode_rate', 'time_to_first_token', 'inter_token_latency', 'peak_rss', 'load_time'] as const) {
    const found = run.metrics[name];
    assert.ok(found && found.median > 0 && found.n > 0, name);
  }
  assert.match(run.build.sha256, /^[0-9a-f]{64}$/);
  const stored = assertWhole(run.id, 5);
  assert.equal(
    new Set(stored.outputs.filter(({ prompt }) => prompt === 'sentence').map(({ hash }) => hash)).size,
    1,
    'greedy decoding repeats itself',
  );
  assert.deepEqual(readdirSync(join(folder, 'work/jobs')), [], 'the journal is removed once it is stored');
});

test('two devices, two thread counts: every combination, side by side; same tokens on both', { skip: sshdMissing }, async () => {
  const { code, stdout, stderr } = await cli(['bench', '-d', 'local,pi', '-t', '1,2', '-s', 'smoke', '--json'], options());
  assert.equal(code, 0, stderr);
  const { runs } = JSON.parse(stdout) as Result;
  assert.deepEqual(runs.map(({ device, threads }) => `${device} ${threads}`).sort(), ['local 1', 'local 2', 'pi 1', 'pi 2']);
  const hashes = runs.map(({ id }) => assertWhole(id, 5).outputs.map(({ prompt, hash }) => `${prompt} ${hash}`));
  for (const other of hashes) assert.deepEqual(new Set(other), new Set(hashes[0]));
});

test('a device that cannot be reached stays its own failure, and has its row', async () => {
  const { code, stdout } = await cli(['bench', '-d', 'gone,local', '-s', 'smoke', '--json'], options());
  assert.equal(code, 1);
  const { runs, errors } = JSON.parse(stdout) as Result;
  assert.deepEqual(runs.map(({ device, toolchain, status }) => [device, toolchain, status]).sort(), [
    ['gone', 'cc', 'failed'],
    ['local', 'cc', 'ok'],
  ]);
  assert.match(runs.find(({ device }) => device === 'gone')?.message ?? '', /cannot be reached: nothing listens on that port/);
  assert.deepEqual(
    errors.map(({ device }) => device),
    ['gone'],
  );
});

test('a device without Node is measured by the agent beside the controller', { skip: sshdMissing }, async () => {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const name of readdirSync('/usr/bin')) if (!/^(node|nodejs|npm|npx)$/.test(name)) symlinkSync(join('/usr/bin', name), join(bin, name));
  const bare = await startSshd({ environment: { PATH: bin } });
  const { host, port, user, identity, workdir } = bare.device('bare');
  const file = join(devices, 'bare.yaml');
  writeFileSync(file, stringify({ host, port, user, identity, workdir }));
  try {
    const { code, stdout, stderr } = await cli(['bench', '-d', 'bare', '-s', 'smoke', '--json'], options());
    assert.equal(code, 0, stderr);
    const run = assertWhole((JSON.parse(stdout) as Result).runs[0]?.id ?? '', 5);
    assert.equal(run.facts?.node, null);
    assert.match(run.journal ?? '', /^beside:/);
  } finally {
    rmSync(file);
    await bare.stop();
  }
});

test('a link that is killed in the middle loses and doubles nothing', { skip: sshdMissing }, async () => {
  const { said, ended, go, repetitions } = await startHeld('cut', ['--json'], { repetitions: 12, tokens: 200 }, ['pi']);
  assert.ok((await (sshd as Sshd).killSessions()) > 0);
  await said(/connecting again/);
  go();
  const { code, stdout, stderr } = await ended;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /connected again/);
  const { runs } = JSON.parse(stdout) as Result;
  assertWhole(runs[0]?.id ?? '', repetitions);
});

test('kill -9 of the controller: the device goes on, the next call fetches the run', async () => {
  const { child, ended, go, repetitions } = await startHeld('killed', [], { repetitions: 12, tokens: 400 });
  child.kill('SIGKILL');
  await ended;
  const store = openStore(db);
  const [left] = store.unfinished();
  store.close();
  go();
  assert.ok(left, 'the run is in the database, unfinished');
  const { code, stderr } = await cli(['bench', '-s', 'smoke', '--json'], options());
  assert.equal(code, 0, stderr);
  assert.match(stderr, new RegExp(`run ${left.id}, begun earlier on local: ok`));
  assertWhole(left.id, repetitions);
});

test('runs --fetch fetches what was left, on every device, and begins nothing', { skip: sshdMissing }, async () => {
  const { child, ended, go, repetitions } = await startHeld('fetched', [], { repetitions: 8, tokens: 400 }, ['local', 'pi']);
  child.kill('SIGKILL');
  await ended;
  const store = openStore(db, { readonly: true });
  const left = store.unfinished().map(({ id }) => id);
  store.close();
  go();
  const { code, stdout, stderr } = await cli(['runs', '--fetch', '--json'], options());
  assert.equal(code, 0, stderr);
  const runs = (JSON.parse(stdout) as Result).runs.filter(({ id }) => left.includes(id));
  assert.deepEqual(runs.map(({ device }) => device).sort(), ['local', 'pi']);
  for (const { id } of runs) assertWhole(id, repetitions);
});

test('a run that another call follows is waited for, not stopped, by Ctrl-C of the one that waits', async () => {
  const first = await startHeld('followed', ['--json'], { repetitions: 12, tokens: 400 });
  const second = start(['bench', '-s', 'smoke'], options());
  await second.said(/fetching run/);
  second.child.kill('SIGINT');
  await second.said(/stopping/);
  first.go();
  assert.equal((await second.ended).code, 130);
  const { code, stdout, stderr } = await first.ended;
  assert.equal(code, 0, stderr);
  assertWhole((JSON.parse(stdout) as Result).runs[0]?.id ?? '', first.repetitions);
});

/** Whether anything of the newest run is stored that is no warm-up. */
function measuredSome(): boolean {
  const store = openStore(db, { readonly: true });
  const [newest] = store.runs({ limit: 1 });
  const samples = newest?.status === 'running' ? (store.run(newest.id)?.samples ?? []) : [];
  store.close();
  return samples.some(({ metric, warmup }) => metric === 'decode_rate' && !warmup);
}

test('Ctrl-C ends the run on the device, keeps what was measured, and leaves nothing running', async () => {
  const suite = suiteFile('stopped', 500, 400);
  const { child, said, ended } = start(['bench', '-s', suite, '--json'], options());
  await said(/measuring a 1\/500/);
  await until('a sample', measuredSome, 120);
  child.kill('SIGINT');
  const { code, stdout } = await ended;
  assert.equal(code, 130);
  const { runs } = JSON.parse(stdout) as Result;
  const [run] = runs as [RunDetail];
  assert.equal(run.status, 'cancelled');
  assert.ok((run.metrics.decode_rate?.n ?? 0) > 0, 'what was measured is there');
  await until('nothing runs there', () => processesWith(join(folder, 'work')).length === 0); // the agent ends after its last record
});

test('Ctrl-C twice leaves at once; the next call fetches the run', async () => {
  const { child, said, ended, go } = await startHeld('left', [], { repetitions: 20, tokens: 400 });
  child.kill('SIGINT');
  await said(/stopping/);
  child.kill('SIGINT');
  assert.equal((await ended).code, 130);
  go();
  const { code, stderr } = await cli(['bench', '-s', 'smoke'], options());
  assert.equal(code, 0, stderr);
  const store = openStore(db, { readonly: true });
  assert.deepEqual(store.runs({ status: ['queued', 'running'] }), []);
  store.close();
});

test('a model that does not fit is refused before anything is made', async () => {
  const file = join(folder, 'huge.gguf');
  execFileSync('truncate', ['-s', '4T', file]);
  const { code, stderr } = await cli(['bench', '-m', file], options());
  assert.equal(code, 1);
  assert.match(stderr, /the model huge takes .* --model tiny/);
});

test('a file model is measured under its name; a file that is none is a sentence', async () => {
  const file = join(folder, 'mine.gguf');
  assert.equal((await cli(['model', 'synth', 'tiny:tq1_0:f16', '-o', file])).code, 0);
  const sent = existsSync(join(devices, 'pi.yaml')) ? 'local,pi' : 'local';
  const { code, stdout, stderr } = await cli(['bench', '-d', sent, '-m', file, '-s', 'smoke', '--json'], options());
  assert.equal(code, 0, stderr);
  for (const run of (JSON.parse(stdout) as Result).runs) assert.equal(run.model, 'mine');
  const wrong = join(folder, 'wrong.gguf');
  writeFileSync(wrong, 'not a model');
  const failed = await cli(['bench', '-m', wrong, '-s', 'smoke', '--json'], options());
  assert.equal(failed.code, 1);
  assert.match((JSON.parse(failed.stdout) as Result).runs[0]?.message ?? '', /GGUF/i);
});
