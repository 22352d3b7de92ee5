import { appendFile, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type Case, orderOf, type Reading, type Round } from '../core/contest.ts';
import { FleetError, reason } from '../core/errors.ts';
import { number, quantity } from '../core/format.ts';
import type { Engine } from './engine.ts';

export interface ContestOptions {
  model: string;
  engines: readonly Engine[];
  cases: readonly Case[];
  rounds: number;
  seed: number;
  /** Reads memory with so many threads, before each round of decoding; null: such models do not come from memory. */
  memory: ((threads: number, signal?: AbortSignal) => Promise<Reading>) | null;
  /** Says what makes two calls the same contest: earlier rounds of it count. */
  key: string;
  /** NDJSON file that gets every round when it is complete; rounds that are in it already are not measured again. */
  journal: string | null;
  signal?: AbortSignal;
  /** After this moment (ms of performance.now) no round begins. */
  until: number;
  say(sentence: string): void;
}

const MEASURE = z.object({
  value: z.number().positive(),
  peak_rss: z.number().nullable(),
  others: z.number().nullable(),
  bytes_per_token: z.number().nullable(),
  model_bytes: z.number().nullable(),
});
const READING = z.object({ cache: z.number(), rates: z.array(z.object({ threads: z.number(), rate: z.number().positive() })) });
const LINE = z.object({
  key: z.string(),
  model: z.string(),
  case: z.string(),
  round: z.number().int().nonnegative(),
  memory: READING.nullable().default(null), // older journals have none
  order: z.array(z.string()),
  measures: z.record(z.string(), MEASURE),
  failures: z.record(z.string(), z.string()),
});

/** Round by round, every case once a round and every engine once a case. An engine that failed in a case is not asked for it again. */
export async function contest(options: ContestOptions): Promise<Round[]> {
  const { model, engines, cases, rounds, say } = options;
  const done = await earlier(options);
  if (done.length > 0) say(`${model}: ${done.length} rounds of cases are in ${options.journal} already`);
  for (let round = 0; round < rounds; round++) {
    for (const test of cases) {
      if (done.some((other) => other.case === test.id && other.round === round)) continue;
      if (options.signal?.aborted || performance.now() > options.until) return done;
      const failed = new Set(done.filter((other) => other.case === test.id).flatMap(({ failures }) => Object.keys(failures)));
      const able = engines.filter(({ name }) => !failed.has(name));
      const result = await measureRound(options, test, round, able);
      if (!result) return done; // interrupted: half a round is none
      done.push(result);
      if (options.journal) await appendFile(options.journal, `${JSON.stringify({ key: options.key, ...result })}\n`);
    }
  }
  return done;
}

async function measureRound(options: ContestOptions, test: Case, round: number, able: Engine[]): Promise<Round | null> {
  const { model, rounds, seed, signal, say } = options;
  const memory = test.kind === 'decode' ? await readMemory(options, test) : null;
  if (signal?.aborted) return null;
  const order = orderOf(
    able.map(({ name }) => name),
    seed,
    round,
  );
  const result: Round = { model, case: test.id, round, memory, order, measures: {}, failures: {} };
  for (const name of order) {
    const engine = able.find((one) => one.name === name) as Engine;
    const where = `${model} ${test.id} round ${round + 1}/${rounds}: ${name}`;
    try {
      const measure = await engine.measure(test, signal);
      result.measures[name] = measure;
      say(`${where}: ${test.kind === 'start' ? quantity(measure.value, 's') : `${number(measure.value)} tokens/s`}`);
    } catch (error) {
      if (signal?.aborted) return null;
      result.failures[name] = reason(error);
      say(`${where}: failed: ${reason(error)}`);
    }
  }
  return result;
}

/** Without it a round still tells who is faster. */
async function readMemory({ memory, signal, say }: ContestOptions, { id, threads }: Case): Promise<Reading | null> {
  try {
    return (await memory?.(threads, signal)) ?? null;
  } catch (error) {
    if (!signal?.aborted) say(`the memory was not read before ${id}: ${reason(error)}`);
    return null;
  }
}

/** Rounds of this very contest in the journal. A last line that was cut off is none. */
async function earlier({ journal, key, model }: ContestOptions): Promise<Round[]> {
  if (!journal) return [];
  const text = await readFile(journal, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw new FleetError(`the journal ${journal} cannot be read: ${reason(error)}`, { cause: error });
  });
  if (text !== '' && !text.endsWith('\n')) await appendFile(journal, '\n');
  return text.split('\n').flatMap((line) => {
    try {
      const { key: whose, ...round } = LINE.parse(JSON.parse(line));
      return whose === key && round.model === model ? [round] : [];
    } catch {
      return [];
    }
  });
}
