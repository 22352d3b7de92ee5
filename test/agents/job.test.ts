import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { hashOf } from '../../agents/engine.ts';
import { nodeHost } from '../../agents/hosts/node.ts';
import { runJob } from '../../agents/job.ts';
import { Journal } from '../../agents/journal.ts';
import { Lock } from '../../agents/lock.ts';
import type { Job } from '../../src/core/job.ts';
import type { JournalKind, JournalRecord } from '../../src/core/journal.ts';
import { loadSuite } from '../../src/fleet/suite.ts';
import { temporaryFolder } from '../support/folder.ts';
import { doubleJob, processesWith, records, until } from '../support/job.ts';

async function journalOfRun(job: Job, signal = new AbortController().signal): Promise<JournalRecord[]> {
  const path = join(job.workdir, 'journal.ndjson');
  const journal = Journal.open(path);
  await runJob(nodeHost, job, journal, signal);
  journal.close();
  return records(readFileSync(path, 'utf8'));
}

function of<K extends JournalKind>(list: readonly JournalRecord[], kind: K) {
  return list.filter((r): r is Extract<JournalRecord, { kind: K }> => r.kind === kind);
}

test('a whole run: every phase, every metric of every repetition, and nothing left running', async () => {
  const job = doubleJob(temporaryFolder('job'));
  const list = await journalOfRun(job);
  assert.deepEqual(of(list, 'end').at(-1)?.message, null);
  assert.equal(list.at(-1)?.kind, 'end');
  assert.deepEqual([...new Set(of(list, 'phase').map((r) => r.phase))], ['model', 'check', 'golden', 'tune', 'load', 'warmup', 'measure', 'memory']);
  assert.match(of(list, 'log')[0]?.text ?? '', /^tuned: layout t5 \(time of t5 by that of t2: 0\.91\), load mmap \(.*: not measured\)$/);
  const samples = of(list, 'sample');
  const count = (metric: string, warmup = false) => samples.filter((s) => s.metric === metric && s.warmup === warmup).length;
  for (const metric of [
    'prefill_rate',
    'decode_rate',
    'time_to_first_token',
    'time_per_output_token',
    'bytes_per_token',
    'bandwidth',
    'major_faults',
  ]) {
    assert.equal(count(metric), 6, metric);
    assert.equal(count(metric, true), 2, metric);
  }
  for (const metric of ['load_time', 'model_bytes', 'peak_rss', 'peak_pss', 'peak_anon', 'peak_file']) assert.equal(count(metric), 1, metric);
  const decode = samples.find((s) => s.metric === 'decode_rate' && !s.warmup);
  const traces = of(list, 'series').filter((s) => s.series === 'token_times');
  assert.equal(traces.length, 6);
  const times = traces[0]?.times ?? [];
  assert.equal(times.length, 8);
  assert.ok(Math.abs((decode?.value ?? 0) / (7 / ((times[7] as number) - (times[0] as number))) - 1) < 1e-6, 'the rate is that of the stamps');
  assert.deepEqual(new Set(of(list, 'series').map((s) => s.series)), new Set(['token_times', 'load', 'rss', 'pss', 'anon', 'file', 'faults']));
  assert.equal(of(list, 'output').length, 6);
  assert.equal(new Set(of(list, 'output').map((o) => `${o.prompt} ${o.hash}`)).size, 2);
  assert.equal(of(list, 'engine')[0]?.engine.version, 'double');
  await until('no process', () => processesWith(job.workdir).length === 0);
});

test('a launch of a comparison looks at heat and load before it begins, and is told from the others where they were too much', async () => {
  const { gate } = loadSuite('pair');
  assert.ok(gate?.temperature && gate.load < 0.05 && gate.wait > 0);
  const lab = temporaryFolder('lab');
  const zone = join(lab, 'sys/class/thermal/thermal_zone0');
  mkdirSync(zone, { recursive: true });
  writeFileSync(join(zone, 'type'), 'cpu-thermal\n');
  writeFileSync(join(zone, 'temp'), `${1000 * (gate.temperature + 6)}\n`);
  const job = doubleJob(temporaryFolder('job'), '', { lab });
  const list = await journalOfRun({ ...job, suite: { ...job.suite, gate: { ...gate, load: 1, wait: 0 } } });
  assert.equal(of(list, 'end')[0]?.status, 'ok');
  const [, hot] = of(list, 'flag');
  assert.deepEqual([hot?.flag, hot?.evidence.replace(/after .*/, '')], ['hot-start', 'the processor has 71.0 °C, the ceiling is 65 °C, ']);
});

test('several launches each load the engine and measure', async () => {
  const job = doubleJob(temporaryFolder('job'));
  const list = await journalOfRun({ ...job, suite: { ...job.suite, launches: 2, warmup: 0, repetitions: 2 } });
  assert.equal(of(list, 'end')[0]?.status, 'ok');
  assert.deepEqual(
    of(list, 'sample')
      .filter((s) => s.metric === 'decode_rate')
      .map((s) => `${s.prompt} ${s.launch} ${s.repetition}`),
    ['random 0 0', 'random 0 1', 'words 0 0', 'words 0 1', 'random 1 0', 'random 1 1', 'words 1 0', 'words 1 1'],
  );
  assert.equal(new Set(of(list, 'engine').map((e) => e.engine.pid)).size, 2);
});

test('a sustained run goes on for its duration, tells what became of the speed, and does not pass its most requests', async () => {
  const job = doubleJob(temporaryFolder('job'), 'slow');
  const suite = { ...job.suite, prompts: job.suite.prompts.slice(0, 1), warmup: 0, repetitions: 1000, duration: 3 };
  const list = await journalOfRun({ ...job, suite });
  assert.equal(of(list, 'end')[0]?.message, null);
  const samples = of(list, 'sample');
  const rates = samples.filter((s) => s.metric === 'decode_rate');
  assert.ok(rates.length >= 3 && rates.length <= 20, `${rates.length} requests of at least 8 x 19 ms, for timers may be 1 ms early`);
  const curve = of(list, 'series').find((s) => s.series === 'decode_rate');
  assert.deepEqual(
    curve?.values,
    rates.map(({ value }) => value),
  );
  for (const metric of ['burst_rate', 'sustained_rate', 'sustained_share'])
    assert.equal(samples.filter((s) => s.metric === metric).length, 1, metric);
  const few = await journalOfRun({ ...doubleJob(temporaryFolder('job')), suite: { ...suite, repetitions: 4, duration: 60 } });
  assert.equal(of(few, 'sample').filter((s) => s.metric === 'decode_rate').length, 4);
});

const FAULTS: [string, RegExp, { flag?: true; timeout?: number }][] = [
  ['crash', /^trit serve was ended by SIGSEGV while answering a request/, {}],
  ['silent', /^trit serve was silent for 5 s while answering a request/, { timeout: 5 }],
  ['deaf', /^trit serve was silent for 5 s while answering a request/, { timeout: 5 }],
  ['garbage', /^trit serve wrote a line that is no event while answering a request: "Segmentation/, {}],
  ['endless', /^trit serve gave more than the 8 tokens asked for/, {}],
  ['fickle', /does not compute the same thing twice/, { flag: true }],
  ['wrong', /^the golden model gave tokens .* not 22 35 48 61; nothing was timed/, { flag: true }],
  ['badcheck', /^kernels differ from the specification \(seed 7\): avx2 gemv_t2i8: row 3 .*; nothing was timed/, { flag: true }],
];
// Beside each other: those that fall silent have time to start on a busy machine.
describe('a sentence, a failed run and no process left', { concurrency: true }, () => {
  for (const [fault, sentence, { flag, timeout = 120 }] of FAULTS)
    test(`of an engine that is ${fault}`, async () => {
      const job = doubleJob(temporaryFolder('job'), fault, { timeout });
      const list = await journalOfRun(job);
      const [end] = of(list, 'end');
      assert.equal(end?.status, 'failed');
      assert.match(end?.message ?? '', sentence);
      assert.equal(of(list, 'flag').filter((f) => f.flag === 'wrong-output').length, flag ? 1 : 0);
      if (fault === 'wrong' || fault === 'badcheck') assert.equal(of(list, 'sample').length, 0, 'nothing is timed');
      await until('no process', () => processesWith(job.workdir).length === 0);
    });
});

test('an engine that cannot be tuned is measured as it is, and the journal says why', async () => {
  const list = await journalOfRun(doubleJob(temporaryFolder('job'), 'untunable'));
  assert.equal(of(list, 'end')[0]?.status, 'ok');
  assert.equal(of(list, 'log')[0]?.text, 'not tuned: trit tune: only 12 MB are available');
});

test('missing engine, missing model, unwritable folder: a sentence each', async () => {
  const dir = temporaryFolder('job');
  const job = doubleJob(dir);
  const message = async (change: Partial<Job>) => of(await journalOfRun({ ...job, ...change }), 'end').at(-1)?.message ?? '';
  assert.match(await message({ binary: join(dir, 'nothing') }), /nothing could not be started: it is not there/);
  const path = join(dir, 'no.gguf');
  const other = { ...job, workdir: temporaryFolder('job') };
  assert.match(await message({ ...other, model: { name: 'no', path, sha256: null, synth: null } }), /no\.gguf is not on the device/);
});

test('cancelled while measuring: the end says so, what was measured stays, the engine is gone, the lock is free', async () => {
  const job = doubleJob(temporaryFolder('job'), 'held');
  const stop = new AbortController();
  const running = journalOfRun(job, stop.signal);
  const path = join(job.workdir, 'journal.ndjson');
  await until('a sample', () => existsSync(path) && readFileSync(path, 'utf8').includes('"decode_rate"'));
  stop.abort();
  const list = await running;
  assert.equal(of(list, 'end')[0]?.status, 'cancelled');
  assert.ok(of(list, 'sample').some((s) => s.metric === 'decode_rate'));
  await until('no process', () => processesWith(job.workdir).length === 0);
  const lock = await Lock.take(nodeHost, job.workdir, 'next');
  await lock.free();
});

test('a busy device fails the run with a sentence, or is waited for', async () => {
  const job = doubleJob(temporaryFolder('job'));
  const lock = await Lock.take(nodeHost, job.workdir, 'other');
  assert.match(of(await journalOfRun(job), 'end')[0]?.message ?? '', /busy with run other/);
  const later = doubleJob(temporaryFolder('job'), '', { wait: 600 });
  const waiting = journalOfRun({ ...later, workdir: job.workdir });
  await until('it waits', () => readFileSync(join(job.workdir, 'journal.ndjson'), 'utf8').includes('waiting: '));
  await lock.free();
  const list = await waiting;
  assert.equal(list.filter((r) => r.kind === 'log' && /waiting: .*run other/.test(r.text)).length, 1);
  assert.equal(of(list, 'end').at(-1)?.status, 'ok');
});

test('another golden model than expected is made anew once, then refused', async () => {
  const job = doubleJob(temporaryFolder('job'));
  const golden = { ...job.golden, sha256: '0'.repeat(64) };
  const list = await journalOfRun({ ...job, golden });
  assert.match(of(list, 'end')[0]?.message ?? '', /golden model made on this device has sha256 [0-9a-f]{64}, not 0000/);
  assert.deepEqual(readdirSync(join(job.workdir, 'models')), ['tiny-i2_s-f16-s1.gguf']);
});

test('the hash of tokens is FNV-1a 64 of their little-endian bytes', () => {
  assert.equal(hashOf([]), 'cbf29ce484222325');
  assert.equal(hashOf([0x61]), fnvOfBytes([0x61, 0, 0, 0]));
  assert.equal(hashOf([128000, -1]), fnvOfBytes([0x00, 0xf4, 0x01, 0x00, 255, 255, 255, 255]));
});

function fnvOfBytes(bytes: number[]): string {
  let hash = 14695981039346656037n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 1099511628211n);
  return hash.toString(16).padStart(16, '0');
}
