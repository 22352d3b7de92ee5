import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { Job } from '../../src/core/job.ts';
import { loadSuite } from '../../src/fleet/suite.ts';
import { temporaryFolder } from '../support/folder.ts';
import { agentBundle, doubleJob, letGo, processesWith, realJob, records, until } from '../support/job.ts';
import { trit } from '../support/trit.ts';

let bundle = '';
before(async () => {
  bundle = await agentBundle();
});

const agent = (...args: string[]) => spawnSync(process.execPath, [bundle, ...args], { encoding: 'utf8' });

function put(job: Job): { folder: string; path: string; journal: string } {
  const folder = join(job.workdir, 'jobs', job.id);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'job.json');
  writeFileSync(path, JSON.stringify(job));
  return { folder, path, journal: join(folder, 'journal.ndjson') };
}

const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '');
const pidIn = (folder: string) => Number(read(join(folder, 'pid')).split(' ')[0]);

test('start returns while the run goes on; a second start leaves it alone; it ends by itself', async () => {
  const job = doubleJob(temporaryFolder('agent'), 'held');
  const { folder, path, journal } = put(job);
  assert.equal(agent('start', path).stderr, '');
  const pid = pidIn(folder);
  assert.equal(agent('status', folder).stdout, 'running\n');
  assert.equal(agent('start', path).status, 0);
  assert.match(agent('run', path).stderr, /doing this job already/);
  letGo(job.workdir);
  await until('its end', () => read(journal).includes('"kind":"end"'));
  await until('no process', () => processesWith(job.workdir).length === 0);
  const list = records(read(journal));
  assert.equal(list.at(-1)?.kind === 'end' ? list.at(-1)?.kind : '', 'end');
  assert.deepEqual(
    list.filter((r) => r.kind === 'start').map((r) => r.pid),
    [pid],
  );
  assert.equal(agent('status', folder).stdout, 'ended\n');
});

test('several starts at once begin one run', async () => {
  const job = doubleJob(temporaryFolder('agent'), 'held');
  const { folder, path, journal } = put(job);
  const starts = Array.from({ length: 3 }, () => spawn(process.execPath, [bundle, 'start', path], { stdio: 'ignore' }));
  assert.deepEqual(await Promise.all(starts.map((child) => once(child, 'exit'))), Array(3).fill([0, null]));
  letGo(job.workdir);
  await until('no process', () => processesWith(job.workdir).length === 0);
  const list = records(read(journal));
  assert.deepEqual(
    list.filter((r) => r.kind === 'start' || r.kind === 'end').map((r) => (r.kind === 'end' ? r.status : r.pid)),
    [pidIn(folder), 'ok'],
  );
});

test('SIGTERM, SIGINT and stop end the run as cancelled and leave no process', async () => {
  const ways: ((pid: number, folder: string) => unknown)[] = [
    (pid) => process.kill(pid, 'SIGTERM'),
    (pid) => process.kill(pid, 'SIGINT'),
    (_, folder) => assert.equal(agent('stop', folder).status, 0),
  ];
  for (const end of ways) {
    const job = doubleJob(temporaryFolder('agent'), 'held');
    const { folder, path, journal } = put(job);
    assert.equal(agent('start', path).status, 0);
    await until('a token', () => read(journal).includes('"phase":"warmup"'));
    end(pidIn(folder), folder);
    await until('no process', () => processesWith(job.workdir).length === 0);
    const last = records(read(journal)).at(-1);
    assert.equal(last?.kind === 'end' && last.status, 'cancelled');
  }
});

test('kill -9 of the agent leaves no engine, gives the lock back, and its journal can be closed', async () => {
  const job = doubleJob(temporaryFolder('agent'), 'held');
  const { folder, path, journal } = put(job);
  assert.equal(agent('start', path).status, 0);
  await until('a sample', () => read(journal).includes('"decode_rate"'));
  process.kill(pidIn(folder), 'SIGKILL');
  await until('no process', () => processesWith(job.workdir).length === 0);
  appendFileSync(journal, '{"seq":');
  const again = agent('run', path);
  assert.equal(again.status, 1);
  assert.match(again.stderr, /ended from outside after record \d+; give the job a new id/);
  const last = records(read(journal)).at(-1);
  assert.equal(last?.kind === 'end' && last.status, 'failed');
  letGo(job.workdir);
  const next = { ...job, id: `${job.id}-next`, suite: { ...job.suite, repetitions: 1, warmup: 0 } };
  assert.equal(agent('run', put(next).path).status, 0);
});

test('the real engine, generating a long answer: kill -9 of the agent and SIGTERM leave none', async () => {
  const suite = { ...loadSuite('smoke'), prompts: [{ id: 'long', random_tokens: 16, max_tokens: 900 }], repetitions: 100 };
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    const job = realJob(await trit(), temporaryFolder('agent'), suite, { isa: 'scalar', threads: 1 });
    const { folder, path, journal } = put(job);
    assert.equal(agent('start', path).status, 0);
    await until('the warm-up', () => read(journal).includes('"phase":"warmup"'));
    assert.ok(processesWith(`serve -m ${job.model.path}`).length === 1);
    process.kill(pidIn(folder), signal);
    await until('no process', () => processesWith(job.workdir).length === 0);
    assert.equal(read(journal).includes('"status":"cancelled"'), signal === 'SIGTERM');
  }
});

test('in the foreground Ctrl-C reaches the agent alone, which ends its engine', async () => {
  const job = doubleJob(temporaryFolder('agent'), 'held');
  const { path, journal } = put(job);
  const child = spawn(process.execPath, [bundle, 'run', path], { detached: true, stdio: 'ignore' });
  await until('a token', () => read(journal).includes('"phase":"warmup"'));
  process.kill(-(child.pid as number), 'SIGINT');
  await until('no process', () => processesWith(job.workdir).length === 0);
  const last = records(read(journal)).at(-1);
  assert.equal(last?.kind === 'end' && last.status, 'cancelled');
});

test('wrong use: a sentence and status 2', () => {
  const dir = temporaryFolder('agent');
  const bad = join(dir, 'job.json');
  writeFileSync(bad, '{"id":"x"}');
  for (const [args, sentence] of [
    [[], /usage: agent/],
    [['dance', bad], /usage: agent/],
    [['run', bad], /job\.json is no job: binary: /],
    [['start', join(dir, 'none.json')], /none\.json cannot be read/],
  ] as const) {
    const { status, stderr } = agent(...args);
    assert.equal(status, 2);
    assert.match(stderr, sentence);
    assert.doesNotMatch(stderr, /\n {4}at /);
  }
});
