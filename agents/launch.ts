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
export function requestFor({ model, suite }: Pick<Job, 'model' | 'suite'>, prompt: Prompt): Request {
  const ignore = model.synth !== null || prompt.random_tokens !== undefined;
  const { max_tokens, temperature, top_k, top_p } = prompt;
  const how = { max_tokens, seed: suite.seed, ignore_eos: ignore, ...(temperature && { temperature, top_k, top_p }) };
  if (prompt.random_tokens !== undefined) return { random_tokens: prompt.random_tokens, ...how };
  if (prompt.messages === undefined) return { prompt: prompt.text ?? '', ...how };
  const system = suite.system === undefined ? [] : [{ role: 'system', content: suite.system.join('\n') }];
  return { messages: [...system, ...prompt.messages], ...how };
}

/** What was asked and answered: one request, or one for each turn of a conversation. */
export interface Exchange {
  prompt: Prompt;
  answer: Answer;
}

/** Asks a prompt; `each` hears of every token. The turns of a conversation follow each other, each behind what the model itself said before; the engine keeps what it has read. */
export async function ask(
  at: Pick<Launch, 'engine' | 'job' | 'signal'>,
  prompt: Prompt,
  each?: (tokens: number) => void,
): Promise<[Exchange, ...Exchange[]]> {
  const { turns, ...rest } = prompt;
  if (turns === undefined) return [{ prompt, answer: await at.engine.generate(requestFor(at.job, prompt), each) }];
  const messages: NonNullable<Prompt['messages']> = [];
  const exchanges: Exchange[] = [];
  for (const [index, content] of turns.entries()) {
    at.signal.throwIfAborted();
    messages.push({ role: 'user', content });
    const turn = { ...rest, id: `${prompt.id}.${index + 1}`, messages: [...messages] };
    const answer = await at.engine.generate({ ...requestFor(at.job, turn), keep: index > 0 }, each);
    exchanges.push({ prompt: turn, answer });
    messages.push({ role: 'assistant', content: answer.text });
  }
  return exchanges as [Exchange, ...Exchange[]];
}

/** Every answer to one prompt must be the same, for the engine is asked greedily. Flags and throws where it is not. */
export function sameAnswer(at: Context, prompt: Prompt, answer: Answer, which: string): void {
  expectedAnswer(at, prompt, answer, which);
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

/** What a known model must say stands in the suite. */
function expectedAnswer(at: Context, { id }: Prompt, { text }: Answer, which: string): void {
  const { model, suite } = at.job;
  const expected = suite.expected?.[model.sha256 ?? model.name]?.[id];
  if (expected === undefined || text.startsWith(expected)) return;
  const evidence = `prompt ${id}: ${which} said ${JSON.stringify(text.slice(0, 200))}, and ${model.name} must begin with ${JSON.stringify(expected)}`;
  at.flag('wrong-output', evidence);
  throw new Error(evidence);
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
