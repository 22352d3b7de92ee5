import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runBeside } from '../../agents/beside.ts';
import type { Device } from '../../src/core/device.ts';
import type { Facts } from '../../src/core/facts.ts';
import type { FlagName } from '../../src/core/flags.ts';
import type { Job } from '../../src/core/job.ts';
import type { JournalRecord } from '../../src/core/journal.ts';
import { connect } from '../../src/fleet/connect.ts';
import type { Connection } from '../../src/fleet/connection.ts';
import { resumeRun } from '../../src/fleet/resume.ts';
import { journalOf, type RunOptions, startRun } from '../../src/fleet/run.ts';
import { loadSuite } from '../../src/fleet/suite.ts';
import { plainFacts } from '../support/facts.ts';
import { temporaryFolder } from '../support/folder.ts';
import { agentBundle, doubleJob, letGo, processesWith, realJob, until } from '../support/job.ts';
import { type Sshd, sshdMissing, startSshd } from '../support/sshd.ts';
import { trit } from '../support/trit.ts';

/** What a caller keeps: records by number, flags, sentences. */
function keeper(agentPath: string, more: Partial<RunOptions> = {}) {
  const records: JournalRecord[] = [];
  const flags: FlagName[] = [];
  const said: string[] = [];
  const options: RunOptions = {
    agentPath,
    silence: 1,
    onRecord: (record) => void records.push(record),
    onFlag: (flag) => void flags.push(flag),
    onStatus: (sentence) => void said.push(sentence),
    ...more,
  };
  const count = (kind: string) => records.filter((r) => r.kind === kind).length;
  return { options, records, flags, said, count };
}

/** Every record once, from the first to the end. */
function assertWhole(records: readonly JournalRecord[]): void {
  assert.deepEqual(
    records.map((r) => r.seq),
    records.map((_, i) => i + 1),
  );
  assert.equal(records[0]?.kind, 'start');
  assert.equal(records.at(-1)?.kind, 'end');
}

const enginePids = (records: readonly JournalRecord[]) => records.flatMap((r) => (r.kind === 'engine' ? [r.engine.pid] : []));
const jobFolder = (job: Job) => join(job.workdir, 'jobs', job.id);

/** The same tests for every way to a device. */
function runs(device: () => Device): void {
  let bundle = '';
  let connection: Connection;
  const fresh = (fault = '', change: Partial<Job> = {}): { job: Job; facts: Facts } => {
    const workdir = temporaryFolder('run');
    return { job: doubleJob(workdir, fault, change), facts: plainFacts(workdir) };
  };
  before(async () => {
    bundle = await agentBundle();
    connection = await connect(device());
  });
  after(() => connection?.close());

  test('a run is started, followed to its end and cleared away', async () => {
    const { job, facts } = fresh();
    const kept = keeper(bundle);
    assert.deepEqual(await startRun(connection, { ...facts, clock_offset: -40 }, job, kept.options), { status: 'ok', message: null });
    assertWhole(kept.records);
    assert.deepEqual(kept.flags, ['clock-skew']);
    assert.equal(kept.records.filter((r) => r.kind === 'sample' && r.metric === 'decode_rate' && !r.warmup).length, 6);
    assert.ok(!existsSync(jobFolder(job)), 'the folder of the run is removed');
    await until('no process', () => processesWith(job.workdir).length === 0);
  });

  test('the real engine runs the smoke suite: right, whole, with every metric and the real names of its kernels', async () => {
    const workdir = temporaryFolder('run');
    const suite = loadSuite('smoke');
    const job = realJob(await trit(), workdir, suite);
    const kept = keeper(bundle);
    assert.deepEqual(await startRun(connection, plainFacts(workdir), job, kept.options), { status: 'ok', message: null });
    assertWhole(kept.records);
    const values = (metric: string) => kept.records.flatMap((r) => (r.kind === 'sample' && r.metric === metric && !r.warmup ? [r.value] : []));
    const requests = suite.prompts.length * suite.repetitions;
    for (const metric of ['prefill_rate', 'decode_rate', 'time_to_first_token', 'time_per_output_token', 'bytes_per_token', 'bandwidth']) {
      assert.equal(values(metric).length, requests, metric);
      assert.ok(values(metric).every((value) => value > 0));
    }
    const [modelBytes, rss, pss] = ['model_bytes', 'peak_rss', 'peak_pss'].map((metric) => values(metric)[0] ?? 0);
    assert.ok((rss as number) > (modelBytes as number) && (rss as number) < 1e8 && (pss as number) > 0);
    const [engine] = kept.records.flatMap((r) => (r.kind === 'engine' ? [r.engine] : []));
    assert.deepEqual([engine?.threads, typeof engine?.compiler, typeof engine?.layouts], [2, 'string', 'string']);
    const hashes = kept.records.flatMap((r) => (r.kind === 'output' ? [`${r.prompt} ${r.hash}`] : []));
    assert.equal(new Set(hashes).size, suite.prompts.length);
  });

  test('a failed run is a whole run with its sentence', async () => {
    const { job, facts } = fresh('crash');
    const kept = keeper(bundle);
    const { status, message } = await startRun(connection, facts, job, kept.options);
    assert.equal(status, 'failed');
    assert.match(message ?? '', /SIGSEGV/);
    assertWhole(kept.records);
  });

  test('cancel: the agent ends the run, its last records come', async () => {
    const { job, facts } = fresh('held');
    const stop = new AbortController();
    const kept = keeper(bundle, { signal: stop.signal });
    kept.options.onRecord = (record) => {
      kept.records.push(record);
      if (record.kind === 'sample' && record.metric === 'decode_rate') stop.abort();
    };
    assert.equal((await startRun(connection, facts, job, kept.options)).status, 'cancelled');
    assertWhole(kept.records);
    await until('no process', () => processesWith(job.workdir).length === 0);
  });

  test('an agent that is killed: the run is interrupted, its records are kept', async () => {
    const { job, facts } = fresh('held');
    const kept = keeper(bundle);
    let killed = false;
    kept.options.onRecord = (record) => {
      kept.records.push(record);
      if (!killed && record.kind === 'sample') {
        killed = true;
        process.kill(Number(readFileSync(join(jobFolder(job), 'pid'), 'utf8').split(' ')[0]), 'SIGKILL');
      }
    };
    const { status, message } = await startRun(connection, facts, job, kept.options);
    assert.equal(status, 'interrupted');
    assert.match(message ?? '', /did not come to its end: its agent is gone/);
    assert.ok(kept.count('sample') > 0);
    await until('no process', () => processesWith(job.workdir).length === 0);
  });

  test('a journal with garbage gives its records and a flag; a torn end is no garbage', async () => {
    const { job, facts } = fresh();
    mkdirSync(jobFolder(job), { recursive: true });
    const record = (seq: number, more: object) => `${JSON.stringify({ seq, wall: 1, mono: 1, ...more })}\n`;
    const start = record(1, { kind: 'start', job: job.id, agent: 'x', pid: 1 });
    const log = record(2, { kind: 'log', text: 'grüße' });
    writeFileSync(journalOf(job, facts), Buffer.concat([Buffer.from(`${start}\xff garbage \n`, 'latin1'), Buffer.from(`${log}{"seq":3,"wa`)]));
    writeFileSync(join(jobFolder(job), 'pid'), '1 1 other-boot\n');
    const kept = keeper(bundle);
    const outcome = await resumeRun(connection, job.id, journalOf(job, facts), kept.options);
    assert.equal(outcome.status, 'interrupted');
    assert.deepEqual(
      kept.records.map((r) => r.seq),
      [1, 2],
    );
    assert.ok(kept.flags.length > 0 && kept.flags.every((f) => f === 'journal-damaged'));
  });

  test('a flood is given up and its agent stopped', async () => {
    const { job, facts } = fresh('held');
    const kept = keeper(bundle);
    let flooded = false;
    kept.options.onRecord = () => {
      if (flooded) return;
      flooded = true;
      appendFileSync(journalOf(job, facts), 'flood\n'.repeat(20_000)); // the agent goes on writing over its beginning
    };
    await assert.rejects(startRun(connection, facts, job, kept.options), /more than 1000 lines that are no records; .* given up/);
    await until('no process', () => processesWith(job.workdir).length === 0);
  });

  test('a run nobody knows there, a path that is no journal of it, an agent that cannot start: a sentence each', async () => {
    const { job, facts } = fresh();
    const kept = keeper(bundle);
    const outcome = await resumeRun(connection, job.id, journalOf(job, facts), kept.options);
    assert.match(outcome.message ?? '', /nothing of it is left/);
    await assert.rejects(resumeRun(connection, job.id, '/etc/passwd', kept.options), /\/etc\/passwd is not its journal/);
    await assert.rejects(resumeRun(connection, '..', '/tmp/jobs/../journal.ndjson', kept.options), /is not its journal/);
    await assert.rejects(startRun(connection, facts, job, keeper('/nowhere.mjs').options), /bundle \/nowhere\.mjs cannot be read .* build it/);
    const broken = join(temporaryFolder('run'), 'agent.mjs');
    writeFileSync(broken, 'process.stderr.write("agent: no\\n"); process.exit(1)');
    await assert.rejects(startRun(connection, facts, job, keeper(broken).options), /the agent did not start \(agent: no\)/);
  });

  test('a device without Node: the same records, made beside the controller', async () => {
    const { job, facts } = fresh();
    const home = temporaryFolder('home');
    const kept = keeper(bundle, { beside: runBeside, home });
    const outcome = await startRun(connection, { ...facts, node: null }, job, kept.options);
    assert.deepEqual(outcome, { status: 'ok', message: null });
    assertWhole(kept.records);
    assert.ok(!existsSync(join(home, job.id)));

    const there = fresh();
    const same = keeper(bundle);
    await startRun(connection, there.facts, there.job, same.options);
    // Whether the machine was busy is not the agent's doing, nor that a request which took seconds tells how far it is.
    const shape = (list: readonly JournalRecord[]) =>
      list
        .filter((r) => r.kind !== 'flag' && !(r.kind === 'phase' && r.tokens !== undefined))
        .map((r) => [r.kind, r.kind === 'sample' && [r.metric, r.prompt, r.repetition, r.warmup]]);
    assert.deepEqual(shape(kept.records), shape(same.records));
    await until('no process', () => processesWith(job.workdir).length === 0);
    await assert.rejects(startRun(connection, { ...facts, node: null }, job, keeper(bundle).options), /has no Node >= 18/);
  });

  test('beside the controller: cancel ends the engine there; what a dead controller left is read later', async () => {
    const { job, facts } = fresh('held');
    const home = temporaryFolder('home');
    const stop = new AbortController();
    const kept = keeper(bundle, { beside: runBeside, home, signal: stop.signal });
    kept.options.onRecord = (record) => {
      kept.records.push(record);
      if (record.kind === 'sample' && record.metric === 'decode_rate') stop.abort();
    };
    const without = { ...facts, node: null };
    assert.equal((await startRun(connection, without, job, kept.options)).status, 'cancelled');
    await until('no process', () => processesWith(job.workdir).length === 0);

    const folder = join(home, job.id);
    mkdirSync(folder);
    writeFileSync(
      join(folder, 'journal.ndjson'),
      `${kept.records
        .slice(0, 5)
        .map((r) => JSON.stringify(r))
        .join('\n')}\n{"se`,
    );
    writeFileSync(join(folder, 'pid'), '999999 1 other-boot\n');
    const later = keeper(bundle, { afterSeq: 2 });
    assert.equal((await resumeRun(null, job.id, journalOf(job, without, home), later.options)).status, 'interrupted');
    assert.deepEqual(
      later.records.map((r) => r.seq),
      [3, 4, 5],
    );
    assert.ok(!existsSync(folder));
  });
}

describe('a run on this machine', () => {
  runs(() => ({ id: 'here', connector: 'local', tags: [], emulated: false }));
});

describe('a run over ssh', { skip: sshdMissing }, () => {
  let sshd: Sshd;
  before(async () => {
    sshd = await startSshd({ environment: { PATH: process.env.PATH ?? '' } }); // wherever node is
  });
  after(() => sshd?.stop());
  runs(() => sshd.device('pi'));

  test('sessions killed again and again: every record once, the engine never restarted', async () => {
    const device = sshd.device('flaky');
    const workdir = temporaryFolder('run');
    const job = doubleJob(workdir, 'held');
    const opened = [await connect(device)];
    let cuts = 0;
    const reconnect = async () => {
      const connection = await connect(device);
      opened.push(connection);
      letGo(workdir, 2 + 2 * cuts); // not before: a run that has ended meanwhile cannot be cut off
      return connection;
    };
    const kept = keeper(await agentBundle(), { reconnect });
    kept.options.onRecord = (record) => {
      kept.records.push(record);
      if (record.kind !== 'sample' || record.metric !== 'decode_rate') return;
      const answered = kept.records.filter((r) => r.kind === 'sample' && r.metric === 'decode_rate').length;
      if (answered !== 2 * (cuts + 1)) return;
      cuts++;
      void sshd.killSessions();
    };
    assert.deepEqual(await startRun(opened[0] as Connection, plainFacts(workdir), job, kept.options), { status: 'ok', message: null });
    assertWhole(kept.records);
    assert.equal(cuts, 4);
    assert.ok(opened.length > cuts, `${opened.length - 1} new connections`);
    assert.equal(enginePids(kept.records).length, 1);
    assert.deepEqual(kept.flags, []);
    assert.match(kept.said.join('\n'), /connecting again\n.*connected again/);
    assert.ok(!existsSync(jobFolder(job)));
    await until('no process', () => processesWith(workdir).length === 0);
    for (const connection of opened) await connection.close().catch(() => {});
  });

  test('a controller that is gone: another takes the rest, from where the first had stored', async () => {
    const device = sshd.device('left');
    const workdir = temporaryFolder('run');
    const job = doubleJob(workdir, 'held');
    const facts = plainFacts(workdir);
    const first = await connect(device);
    const kept = keeper(await agentBundle());
    kept.options.onRecord = (record) => {
      kept.records.push(record);
      if (kept.count('sample') === 3) void sshd.killSessions();
    };
    await assert.rejects(startRun(first, facts, job, kept.options), /device left: .*a run begun there goes on by itself/);
    const afterSeq = kept.records.length;
    const second = await connect(device);
    letGo(workdir);
    const rest = keeper('', { afterSeq });
    assert.equal((await resumeRun(second, job.id, journalOf(job, facts), rest.options)).status, 'ok');
    assertWhole([...kept.records, ...rest.records]);
    assert.equal(enginePids([...kept.records, ...rest.records]).length, 1);
    await second.close();
  });

  test('no way back: a sentence after the patience, and the run goes on', async () => {
    const device = sshd.device('gone');
    const workdir = temporaryFolder('run');
    const job = doubleJob(workdir, 'held');
    const connection = await connect(device);
    const kept = keeper(await agentBundle(), { patience: 1, reconnect: () => Promise.reject(new Error('no route')) });
    kept.options.onRecord = (record) => {
      if (record.kind === 'engine') void sshd.killSessions();
    };
    await assert.rejects(
      startRun(connection, plainFacts(workdir), job, kept.options),
      /could not be reached again \(no route\); a run begun there goes on/,
    );
    letGo(workdir);
    const journal = join(jobFolder(job), 'journal.ndjson');
    await until('its end', () => readFileSync(journal, 'utf8').includes('"kind":"end"'));
  });

  test('the link lost under an agent beside the controller: what was measured is kept, no engine is left', async () => {
    const device = sshd.device('bare');
    const workdir = temporaryFolder('run');
    const job = doubleJob(workdir, 'held');
    const connection = await connect(device);
    const kept = keeper('', { beside: runBeside, home: temporaryFolder('home') });
    let cut = false;
    kept.options.onRecord = (record) => {
      kept.records.push(record);
      if (record.kind === 'sample' && !cut) {
        cut = true;
        void sshd.killSessions();
      }
    };
    const { status, message } = await startRun(connection, { ...plainFacts(workdir), node: null }, job, kept.options);
    assert.equal(status, 'interrupted');
    assert.match(message ?? '', /device bare: .*; the device has no Node, so nothing there could go on with the run/);
    assert.deepEqual(
      kept.records.map((record) => record.seq),
      kept.records.map((_, i) => i + 1),
    );
    assert.ok(kept.count('sample') > 0);
    await until('no process', () => processesWith(workdir).length === 0);
  });
});
