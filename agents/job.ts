import type { Host } from '../src/core/host.ts';
import type { Job } from '../src/core/job.ts';
import type { Answer } from './engine.ts';
import { Engine } from './engine.ts';
import type { Journal } from './journal.ts';
import { type Context, type Launch, sample } from './launch.ts';
import { Busy, Lock } from './lock.ts';
import { measure } from './measure.ts';
import { memoryPass } from './memory.ts';
import { provide } from './model.ts';
import { residentSet } from './proc.ts';
import { checkKernels, goldenTokens } from './proof.ts';

export const AGENT = 'fleet-agent 1';
/** Evidence kept for one flag: the first few say it. */
const EVIDENCE = 5;

/**
 * One run from beginning to end: lock, model, proof, launches, journal. `own` gives the processor seconds this process has used, where it
 * runs on the machine it measures. Resolves when the `end` record is on disk, however the run went; rejects only where the journal itself
 * cannot be written. When the signal comes the engine is ended and the run is `cancelled`.
 */
export async function runJob(host: Host, job: Job, journal: Journal, signal: AbortSignal, own: () => number = () => 0): Promise<void> {
  const begun = performance.now();
  const given = new Map<string, number>();
  const at: Context = {
    host,
    job,
    journal,
    signal,
    own,
    elapsed: () => (performance.now() - begun) / 1000,
    hashes: new Map(),
    flag(flag, evidence) {
      const count = (given.get(flag) ?? 0) + 1;
      given.set(flag, count);
      if (count <= EVIDENCE) journal.write({ kind: 'flag', flag, evidence });
    },
  };
  journal.write({ kind: 'start', job: job.id, agent: AGENT, pid: process.pid });
  journal.sync();
  let lock: Lock | null = null;
  let message: string | null = null;
  try {
    lock = await takeLock(at);
    await phases(at);
  } catch (error) {
    message = error instanceof Error ? error.message : String(error);
  }
  await lock?.free().catch(() => {});
  const status = signal.aborted ? 'cancelled' : message === null ? 'ok' : 'failed';
  journal.write({ kind: 'end', status, message: status === 'cancelled' ? 'it was told to stop' : (message?.slice(0, 4000) ?? null) });
  journal.sync();
}

async function phases(at: Context): Promise<void> {
  await provide(at);
  await checkKernels(at);
  await goldenTokens(at);
  for (let launch = 0; launch < at.job.suite.launches; launch++) await oneLaunch(at, launch);
}

async function oneLaunch(at: Context, launch: number): Promise<void> {
  const { binary, model, threads, cpus, isa, context, timeout, suite } = at.job;
  at.journal.write({ kind: 'phase', phase: 'load', detail: model.name, done: launch, total: suite.launches });
  const engine = await Engine.start(at.host, { binary, model: model.path, threads, cpus, isa, context, timeout, signal: at.signal });
  try {
    const { ready } = engine;
    const where = { prompt: null, launch, repetition: 0, warmup: false };
    at.journal.write({ kind: 'engine', engine: ready });
    sample(at, 'load_time', ready.load_ns / 1e9, { ...where, warmup: ready.cache_made === true }); // writing the cache is no part of a load
    sample(at, 'model_bytes', ready.model.bytes, where);
    at.journal.sync();
    const of: Launch = { ...at, engine, launch };
    const answers: Answer[] = await measure(of);
    sample(at, 'peak_rss', (await residentSet(at.host, engine.pid))?.peak ?? (await engine.usage()).peak_rss, where);
    if (launch === suite.launches - 1) await memoryPass(of, answers);
    at.journal.sync();
    await engine.stop();
  } finally {
    await engine.abort();
  }
}

/** Waits for a busy device as long as the job allows. */
async function takeLock(at: Context): Promise<Lock> {
  const { host, job, journal, signal } = at;
  for (let told = ''; ; ) {
    signal.throwIfAborted();
    try {
      return await Lock.take(host, job.workdir, job.id);
    } catch (error) {
      if (!(error instanceof Busy) || at.elapsed() >= (job.wait ?? 0)) throw error;
      if (told !== error.run) journal.write({ kind: 'log', text: `waiting: ${error.message}` });
      told = error.run;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}
