import type { FlagName } from '../src/core/flags.ts';
import type { Host } from '../src/core/host.ts';
import type { Job } from '../src/core/job.ts';
import type { Marker } from '../src/core/joules.ts';
import type { MetricName } from '../src/core/metric.ts';
import type { Prompt } from '../src/core/suite.ts';
import type { Answer, Engine, Request } from './engine.ts';
import type { Journal } from './journal.ts';

/** What the phases of one run share. */
export interface Context {
  host: Host;
  job: Job;
  journal: Journal;
  signal: AbortSignal;
  /** Processor seconds the agent has used on the machine that is measured. */
  own(): number;
  /** Seconds since the run started. */
  elapsed(): number;
  /** Hash of the first answer to each prompt, by prompt id. */
  hashes: Map<string, string>;
  flag(flag: FlagName, evidence: string): void;
}

/** How the engine's clock stands to the run's: seconds of the run = engine's ns / 1e9 + offset, off by no more than error. */
export interface EngineClock {
  offset: number;
  error: number;
}

/** One start of the engine within a run. */
export interface Launch extends Context {
  engine: Engine;
  launch: number;
  clock: EngineClock;
}

/** The engine's request for a prompt. A twin's end token means nothing, and random tokens ask for a fixed amount of work: neither stops at it. */
export function requestFor(job: Job, prompt: Prompt): Request {
  const ignore = job.model.synth !== null || prompt.random_tokens !== undefined;
  const what =
    prompt.random_tokens !== undefined
      ? { random_tokens: prompt.random_tokens }
      : prompt.messages !== undefined
        ? { messages: prompt.messages }
        : { prompt: prompt.text ?? '' };
  return { ...what, max_tokens: prompt.max_tokens, seed: job.suite.seed, ignore_eos: ignore };
}

/** Every answer to one prompt must be the same, for the engine is asked greedily. Flags and throws where it is not. */
export function sameAnswer(at: Context, prompt: Prompt, answer: Answer, which: string): void {
  const first = at.hashes.get(prompt.id);
  if (first === undefined) {
    at.hashes.set(prompt.id, answer.done.hash);
    return;
  }
  if (first === answer.done.hash) return;
  const evidence = `prompt ${prompt.id}: ${which} gave tokens with hash ${answer.done.hash}, the first answer ${first}`;
  at.flag('wrong-output', evidence);
  throw new Error(`${evidence}; the engine does not compute the same thing twice`);
}

/** The window of a request, from the engine's own stamps. */
export function mark(at: Launch, { done, times }: Answer, where: Pick<Marker, 'what' | 'prompt' | 'launch' | 'repetition'>): Marker {
  const begin = done.request_ns / 1e9 + at.clock.offset;
  const [first, last] = [times[0] ?? null, times.at(-1) ?? 0];
  return { ...where, begin, end: begin + last, first: first === null ? null : begin + first, n_prompt: done.n_prompt, n_gen: done.n_gen };
}

export interface Where {
  prompt: string | null;
  launch: number;
  repetition: number;
  warmup: boolean;
}

/** Writes one sample; what is not a number was not measured and is left out. */
export function sample(at: Context, metric: MetricName, value: number | null, where: Where): void {
  if (value !== null && Number.isFinite(value)) at.journal.write({ kind: 'sample', metric, value, ...where });
}
