import { sizeOn } from '../src/core/device_file.ts';
import { Engine } from './engine.ts';
import { type Context, requestFor, sample } from './launch.ts';

/** A system message that was evaluated once: the file of its keys and values. */
export interface PromptCache {
  file: string;
  bytes: number;
}

/**
 * Evaluates the suite's system message and keeps it, anew in each run, so that what that takes is measured: prompt_cache_time and
 * prompt_cache_bytes. Null where the suite wants none. Throws where the engine cannot keep it.
 */
export async function buildPromptCache(at: Context): Promise<PromptCache | null> {
  const { job, host, journal, signal } = at;
  const { suite, binary, model, threads, cpus, isa, context, timeout } = job;
  if (!suite.prompt_cache) return null;
  const file = promptFile(at);
  journal.write({ kind: 'phase', phase: 'cache', detail: model.name });
  const folder = file.slice(0, file.lastIndexOf('/'));
  const made = await host.exec(['sh', '-c', 'mkdir -p "$1" && rm -f "$2"', 'sh', folder, file]);
  if (made.code !== 0) throw new Error(`the folder ${folder} could not be made: ${made.stderr.trim()}`);
  const options = { binary, model: model.path, threads, cpus, isa, context, kv: suite.kv, timeout, signal };
  const engine = await Engine.start(host, { ...options, promptCache: { file, build: true } });
  try {
    const probe = { id: 'system', messages: [{ role: 'user' as const, content: '.' }], max_tokens: 1 };
    const { done } = await engine.generate(requestFor(job, probe));
    if (!done.cache_written) throw new Error(`the prompt cache ${file} was not written: ${done.cache_error ?? 'trit serve gave no reason'}`);
    const where = { prompt: null, launch: 0, repetition: 0, warmup: false };
    sample(at, 'prompt_cache_time', done.prefill_ns / 1e9, where);
    sample(at, 'prompt_cache_bytes', done.cache_written, where);
    journal.write({
      kind: 'log',
      text: `prompt cache: ${done.n_prompt} tokens in ${(done.prefill_ns / 1e9).toFixed(2)} s, ${done.cache_written} bytes`,
    });
    journal.sync();
    await engine.stop();
    return { file, bytes: done.cache_written };
  } finally {
    await engine.abort();
  }
}

/** Takes the file away again: it is as large as a small model. */
export async function dropPromptCache(at: Context): Promise<void> {
  if (at.job.suite.prompt_cache) await at.host.exec(['rm', '-f', promptFile(at)]).catch(() => {});
}

/**
 * The first answer of a launch that begins with the cache: start_time is from the start of reading the model to its first token. And the
 * bytes that stand on disk for it: model, packed weights, prompt cache.
 */
export async function firstAnswer(at: Context & { engine: Engine; launch: number }, cache: PromptCache): Promise<void> {
  const { job, engine, launch } = at;
  const [prompt] = job.suite.prompts;
  if (!prompt) return;
  const { done, times } = await engine.generate(requestFor(job, prompt));
  const where = { prompt: null, launch, repetition: 0, warmup: engine.ready.cache_made === true };
  if (!done.n_cached) throw new Error(`the prompt cache was of no use: ${done.cache_error ?? 'no token of it is of the prompt'}`);
  sample(at, 'start_time', engine.ready.load_ns / 1e9 + (times[0] ?? Number.NaN), where);
  const packed = engine.ready.cache ? await sizeOn(at.host, engine.ready.cache) : 0;
  sample(at, 'disk_bytes', packed === null ? null : engine.ready.model.bytes + packed + cache.bytes, { ...where, warmup: false });
}

function promptFile({ job }: Context): string {
  return `${job.workdir}/prompts/${job.id}.kv`;
}
