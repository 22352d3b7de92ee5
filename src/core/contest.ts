import { UsageError } from './errors.ts';
import type { MetricSummary } from './run.ts';
import { median, summarise } from './stats.ts';
import { signedRank } from './wilcoxon.ts';

/** What is measured: prefill of a prompt, decode from an empty context, or a start; with so many threads. */
export interface Case {
  /** As the user writes it: pp512@2, tg64@1, start@2. */
  id: string;
  kind: 'prefill' | 'decode' | 'start';
  tokens: number;
  threads: number;
}

/** What one launch of an engine gave. */
export interface Measure {
  /** Tokens a second; of a start, seconds. */
  value: number;
  /** Bytes, files that are mapped included; null where the system does not tell. */
  peak_rss: number | null;
  /** Share of all CPUs' time that other programs took meanwhile; null where the system does not tell. */
  others: number | null;
  /** Bytes of weights, keys and values read for a token, where the engine tells. */
  bytes_per_token: number | null;
  /** Size of the model, where the engine tells. */
  model_bytes: number | null;
}

/** One round of a case: every engine once, at the same time of the day. An engine that failed has a sentence instead of a number. */
export interface Round {
  model: string;
  case: string;
  round: number;
  /** What reading memory gave just before a round of decoding; null before others, and where it was not read. */
  memory: Reading | null;
  /** Names in the order of measuring. */
  order: string[];
  measures: Record<string, Measure>;
  failures: Record<string, string>;
}

/** How the outputs of a rival compare with ours on the same file. */
export interface Agreement {
  /** failed: it should have told its outputs, and did not. */
  verdict: 'equal' | 'differ' | 'failed' | 'not checked';
  /** Natural-log probabilities: root mean square and largest difference, relative to each row's mean; bounds. */
  rms: number | null;
  max: number | null;
  bounds: { rms: number; max: number } | null;
  /** Positions whose most likely token is the same, of how many. */
  greedy: [same: number, of: number] | null;
}

/** How many times faster one engine is than another, over the rounds that both finished. */
export interface Ratio extends MetricSummary {
  /** Of 95 % for the typical ratio, by signed ranks of the logarithms; null where so few rounds give none. */
  interval: [low: number, high: number] | null;
}

/** One line of the result: an engine in a case. */
export interface Standing {
  engine: string;
  rival: boolean;
  case: Case;
  summary: MetricSummary | null;
  /** For each of ours, how many times faster it is. Of a rival only. */
  ratios: Record<string, Ratio | null>;
  peak_rss: number | null;
  /** The most that other programs took of the CPUs in a round. */
  others: number | null;
  bytes_per_token: number | null;
  /** Share of what reading memory gave with as many threads just before: the median of the rounds; null where it is unknown. */
  bandwidth_share: number | null;
  failure: string | null;
}

/** An engine with all that makes it what it is. */
export interface Entrant {
  name: string;
  rival: boolean;
  /** The model it read. */
  file: string;
  file_sha256: string;
  version: string | null;
  compiler: string | null;
  /** The program and the libraries it brought. */
  code: { file: string; sha256: string }[];
  outputs: Agreement;
  /** Size of the model as it tells; null where it does not. */
  model_bytes: number | null;
}

/** All about one model. */
export interface Contest {
  model: string;
  entrants: Entrant[];
  standings: Standing[];
  rounds: Round[];
}

/** What reading memory gave once. */
export interface Reading {
  /** Bytes of the largest cache: what fits into it is not read from memory. 0: unknown. */
  cache: number;
  /** Bytes a second; none where it could not be measured. */
  rates: { threads: number; rate: number }[];
}

/** What reading memory gives here: of each number of threads the median, the extremes and the number of readings. */
export interface Memory extends Reading {
  rates: { threads: number; rate: number; min: number; max: number; n: number }[];
}

/** All that was read of memory in some rounds. */
export function memoryOf(rounds: readonly Pick<Round, 'memory'>[]): Memory {
  const readings = rounds.flatMap(({ memory }) => memory ?? []);
  const all = readings.flatMap(({ rates }) => rates);
  const counts = [...new Set(all.map(({ threads }) => threads))].sort((a, b) => a - b);
  const rates = counts.map((threads) => {
    const values = all.filter((row) => row.threads === threads).map(({ rate }) => rate);
    return { threads, rate: median(values), min: Math.min(...values), max: Math.max(...values), n: values.length };
  });
  return { cache: Math.max(0, ...readings.map(({ cache }) => cache)), rates };
}

/** What the memory delivers to so many threads, for a model of this size; null where that is unknown or the model stays in the cache. */
function rateFor(memory: Reading, threads: number, modelBytes: number): number | null {
  return modelBytes > memory.cache ? (memory.rates.find((row) => row.threads === threads)?.rate ?? null) : null;
}

/** Share of the memory's rate in a round, whose reading was a moment before: both move with the clock and the neighbours of the machine. */
function shareOf({ value, bytes_per_token: bytes }: Measure, memory: Reading | null, threads: number): number | null {
  const rate = memory && bytes && rateFor(memory, threads, bytes);
  return rate ? (bytes * value) / rate : null;
}

const CASE = /^(?:(pp|tg)([1-9]\d{0,4})|(start))@([1-9]\d{0,2})$/;

/** Reads "pp512@2". */
export function caseOf(text: string): Case {
  const [, letters, count, start, threads] = CASE.exec(text) ?? [];
  if (threads === undefined) throw new UsageError(`"${text}" is no case: write pp512@2 (prefill, 2 threads), tg64@1 (decode, 1 thread) or start@2`);
  const kind = start ? 'start' : letters === 'pp' ? 'prefill' : 'decode';
  return { id: text, kind, tokens: start ? 1 : Number(count), threads: Number(threads) };
}

/** The order of a round: a shuffle from the seed in even rounds, the one before backwards in odd ones, so that nobody is always first. */
export function orderOf(names: readonly string[], seed: number, round: number): string[] {
  const order = [...names];
  let state = (seed * 0x9e3779b1 + (round >> 1) * 0x85ebca6b) >>> 0;
  for (let i = order.length - 1; i > 0; i--) {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) >>> 0;
    const j = (state >>> 8) % (i + 1);
    [order[i], order[j]] = [order[j] as string, order[i] as string];
  }
  return round % 2 ? order.reverse() : order;
}

/** How many times faster the first is: a start is better the shorter it is. */
function advantage(test: Case, ours: Measure, theirs: Measure): number {
  return test.kind === 'start' ? theirs.value / ours.value : ours.value / theirs.value;
}

function ratioOf(values: readonly number[]): Ratio | null {
  const summary = summarise(values, '');
  if (!summary) return null;
  const [low, high] = signedRank(values.map(Math.log)).interval;
  return { ...summary, interval: Number.isFinite(low) && Number.isFinite(high) ? [Math.exp(low), Math.exp(high)] : null };
}

/** The standing of every engine in a case. */
export function standings(test: Case, engines: readonly { name: string; rival: boolean }[], rounds: readonly Round[]): Standing[] {
  const ours = engines.filter(({ rival }) => !rival);
  return engines.map(({ name, rival }) => {
    const measures = rounds.flatMap((round) => round.measures[name] ?? []);
    const values = measures.map(({ value }) => value);
    const summary = summarise(values, test.kind === 'start' ? 's' : 'tokens/s');
    const against = (our: string): Ratio | null =>
      ratioOf(rounds.flatMap(({ measures: { [our]: mine, [name]: theirs } }) => (mine && theirs ? advantage(test, mine, theirs) : [])));
    const most = (pick: (measure: Measure) => number | null): number | null => {
      const values = measures.flatMap((measure) => pick(measure) ?? []);
      return values.length > 0 ? Math.max(...values) : null;
    };
    const bytes = test.kind === 'decode' ? (measures.at(-1)?.bytes_per_token ?? null) : null;
    const shares = rounds.flatMap(({ measures: { [name]: measure }, memory }) => (measure && shareOf(measure, memory, test.threads)) ?? []);
    return {
      engine: name,
      rival,
      case: test,
      summary,
      ratios: rival ? Object.fromEntries(ours.map((our) => [our.name, against(our.name)])) : {},
      peak_rss: most(({ peak_rss }) => peak_rss),
      others: most(({ others }) => others),
      bytes_per_token: bytes,
      bandwidth_share: bytes !== null && shares.length > 0 ? median(shares) : null,
      failure: rounds.map(({ failures }) => failures[name]).find((sentence) => sentence !== undefined) ?? null,
    };
  });
}

/**
 * A sentence where a decode rate cannot be: what the engine says it reads for each token, else its file of the model, is more than the memory
 * delivers. Such an engine does not compute this model.
 */
export function implausible({ case: test, summary, bytes_per_token }: Standing, modelBytes: number | null, memory: Reading): string | null {
  const bytes = bytes_per_token ?? modelBytes;
  const most = bytes && rateFor(memory, test.threads, bytes);
  if (test.kind !== 'decode' || !summary || !bytes || !most) return null;
  const rate = bytes * summary.median;
  if (rate < 1.25 * most) return null;
  return `reading its ${(bytes / 1e9).toFixed(2)} GB for each token would take ${(rate / 1e9).toFixed(0)} GB/s, and the memory gives ${(most / 1e9).toFixed(0)}: it does not compute this model`;
}
