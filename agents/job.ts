import type { Host } from '../src/core/host.ts';
import type { Job } from '../src/core/job.ts';
import type { Answer } from './engine.ts';
import { Engine } from './engine.ts';
import { engineClock } from './engine_clock.ts';
import { gate } from './gate.ts';
import type { Journal } from './journal.ts';
import { type Context, type Launch, sample } from './launch.ts';
import { measureLimits } from './limits.ts';
import { Busy, Lock } from './lock.ts';
import { measure } from './measure.ts';
import { memoryPass } from './memory.ts';
import { provide } from './model.ts';
import { measureParallel } from './parallel.ts';
import { PowerPass } from './power.ts';
import { residentSet } from './proc.ts';
import { buildPromptCache, dropPromptCache, firstAnswer, type PromptCache } from './prompt_cache.ts';
import { checkKernels, goldenTokens } from './proof.ts';
import { evaluate } from './quality.ts';
import { type Sensed, sense } from './sensed.ts';
import { causes, stateOf } from './state.ts';
import { suiteHash } from './suite_hash.ts';
import { sustain } from './sustained.ts';
import { fitSystem } from './system.ts';
import { tune } from './tune.ts';

export const AGENT = 'fleet-agent 1';
/** Evidence kept for one flag: the first few say it. */
const EVIDENCE = 5;

/**
 * One run from beginning to end: lock, model, proof, launches, journal. `own` gives the processor seconds this process has used, where it
 * runs on the machine it measures. Resolves when the `end` record is on disk, however the run went; rejects only where the journal itself
 * cannot be written. When the signal comes the engine is ended and the run is `cancelled`.
 */
export async function runJob(host: Host, job: Job, journal: Journal, signal: AbortSignal, own: () => number = () => 0): Promise<void> {
  const begun = process.hrtime.bigint();
  const given = new Map<string, number>();
  const at: Context = {
    host,
    job,
    journal,
    signal,
    own,
    elapsed: () => Number(process.hrtime.bigint() - begun) / 1e9,
    hashes: new Map(),
    flag(flag, evidence) {
      const count = (given.get(flag) ?? 0) + 1;
      given.set(flag, count);
      if (count <= EVIDENCE) journal.write({ kind: 'flag', flag, evidence });
    },
  };
  journal.write({ kind: 'start', job: job.id, agent: AGENT, pid: process.pid, suite: suiteHash(job.suite) });
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
  if (at.job.suite.evaluation) return evaluate(at, at.job.suite.evaluation);
  await fitSystem(at);
  await tune(at);
  await measureLimits(at);
  const sensed = await sense(at);
  await gate(at, sensed);
  const before = await stateOf(sensed.host);
  try {
    const cache = await buildPromptCache(at);
    for (let launch = 0; launch < at.job.suite.launches; launch++) await oneLaunch(at, sensed, launch, cache);
  } finally {
    await dropPromptCache(at);
  }
  await measureParallel(at);
  for (const { flag, evidence } of causes(before, await stateOf(sensed.host))) at.flag(flag, evidence);
}

async function oneLaunch(at: Context, sensed: Sensed, launch: number, cache: PromptCache | null): Promise<void> {
  const { binary, model, threads, cpus, isa, context, timeout, suite } = at.job;
  at.journal.write({ kind: 'phase', phase: 'load', detail: model.name, done: launch, total: suite.launches });
  const promptCache = cache && { file: cache.file, build: false };
  const options = { binary, model: model.path, threads, cpus, isa, context, kv: suite.kv, promptCache, timeout, signal: at.signal };
  const engine = await Engine.start(at.host, options);
  try {
    const { ready } = engine;
    const where = { prompt: null, launch, repetition: 0, warmup: false };
    at.journal.write({ kind: 'engine', engine: ready });
    sample(at, 'load_time', ready.load_ns / 1e9, { ...where, warmup: ready.cache_made === true }); // writing the cache is no part of a load
    sample(at, 'model_bytes', ready.model.bytes, where);
    at.journal.sync();
    const of: Launch = { ...at, engine, launch, clock: await engineClock(at, engine) };
    if (cache) await firstAnswer(of, cache);
    const last = launch === suite.launches - 1;
    const power = new PowerPass(of, sensed);
    try {
      if (last) await power.idle(0);
      const answers: Answer[] = suite.duration === undefined ? await measure(of) : await sustain(of, power);
      sample(at, 'peak_rss', (await residentSet(at.host, engine.pid))?.peak ?? (await engine.usage()).peak_rss, where);
      if (last) {
        await power.requests(answers);
        await power.idle(1);
        power.finish();
        await power.judgeClock();
        await memoryPass(of, answers);
      }
    } finally {
      await power.close();
    }
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
