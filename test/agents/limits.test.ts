import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { nodeHost } from '../../agents/hosts/node.ts';
import { Journal } from '../../agents/journal.ts';
import type { Context } from '../../agents/launch.ts';
import { measureLimits } from '../../agents/limits.ts';
import type { Job } from '../../src/core/job.ts';
import type { JournalRecord } from '../../src/core/journal.ts';
import { temporaryFolder } from '../support/folder.ts';
import { doubleJob, records } from '../support/job.ts';
import { trit } from '../support/trit.ts';

/** What is written of a model of this size; the file has no content. */
async function limitsOf(bytes: number, change: Partial<Job>): Promise<JournalRecord[]> {
  const job = { ...doubleJob(temporaryFolder('limits')), ...change };
  mkdirSync(dirname(job.model.path), { recursive: true });
  const file = openSync(job.model.path, 'w');
  ftruncateSync(file, bytes);
  closeSync(file);
  const path = join(job.workdir, 'journal.ndjson');
  const journal = Journal.open(path);
  const signal = new AbortController().signal;
  const at: Context = { host: nodeHost, job, journal, signal, own: () => 0, elapsed: () => 0, hashes: new Map(), flag: () => {} };
  await measureLimits(at);
  journal.close();
  const text = readFileSync(path, 'utf8');
  return text === '' ? [] : records(text);
}

test('trit reads the memory of this machine once for a large model, with as many threads as the run has', async () => {
  const [phase, sample, ...more] = await limitsOf(100e6, { binary: await trit() });
  assert.equal(more.length, 0);
  assert.deepEqual([phase?.kind, phase?.kind === 'phase' && phase.phase], ['phase', 'limits']);
  if (sample?.kind === 'log') return assert.match(sample.text, /cannot tell what of it came out of a cache/);
  assert.ok(sample?.kind === 'sample' && sample.metric === 'read_bandwidth', JSON.stringify(sample));
  assert.ok(sample.value > 1e8 && sample.value < 1e13, `${sample.value} B/s`);
});

test('a small model, an emulated processor and a suite that does without have no such limit, and a program that fails ends no run', async () => {
  const binary = await trit();
  assert.deepEqual(await limitsOf(1e6, { binary }), []);
  assert.deepEqual(await limitsOf(100e6, { binary, cases: 1 }), []);
  assert.deepEqual(await limitsOf(100e6, { binary, suite: { ...doubleJob(temporaryFolder('limits')).suite, limits: false } }), []);
  for (const [bad, why] of [
    ['/bin/false', /memory not measured: trit kernels ended with status 1/],
    ['/bin/true', /memory not measured: trit kernels told nothing that could be read/],
  ] as const) {
    const [, log] = await limitsOf(100e6, { binary: bad });
    assert.match(log?.kind === 'log' ? log.text : '', why);
  }
});
