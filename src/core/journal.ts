import { z } from 'zod';
import { FLAG_NAMES } from './flags.ts';
import { METRIC_NAMES } from './metric.ts';
import { ScopeName } from './scope_name.ts';

/**
 * The journal of a run: NDJSON records with sequence numbers from 1, written on the device by the agent, followed by the controller by
 * offset, stored once (run id + seq is the key). `wall` is the device's clock in ms since 1970; `mono` its monotonic clock in seconds.
 */
const base = { seq: z.int().positive(), wall: z.number(), mono: z.number() };
const text = z.string().max(65536);
/** Of figures of power and energy: the source they come from, and what it covers. */
const origin = { source: z.string().max(64).optional(), scope: ScopeName.optional() };

export const JournalRecord = z.discriminatedUnion('kind', [
  /** `suite`: SHA-256 of what it asks (agents/suite_hash.ts); absent in journals of older agents. */
  z.object({ ...base, kind: z.literal('start'), job: z.string(), agent: z.string(), pid: z.int(), suite: z.string().max(64).optional() }),
  /** What the run is doing now. done/total count the steps of this phase where they are known, tokens those of the request that is under way. */
  z.object({
    ...base,
    kind: z.literal('phase'),
    phase: z.enum([
      ...(['model', 'check', 'golden', 'tune', 'load', 'warmup', 'measure', 'memory', 'wait', 'idle', 'power', 'sustained'] as const),
      ...(['cache', 'parallel', 'quality', 'limits'] as const),
    ]),
    detail: text.optional(),
    done: z.number().optional(),
    total: z.number().optional(),
    tokens: z.int().nonnegative().optional(),
  }),
  /** The engine's `ready` event: version, isa, kernels, layouts, threads, cpus, model. */
  z.object({ ...base, kind: z.literal('engine'), engine: z.record(z.string(), z.unknown()) }),
  /** One raw value in its base unit. */
  z.object({
    ...base,
    kind: z.literal('sample'),
    metric: z.enum(METRIC_NAMES),
    value: z.number(),
    prompt: z.string().nullable(),
    launch: z.int(),
    repetition: z.int(),
    warmup: z.boolean(),
    ...origin,
  }),
  /** A trace: values[i] at times[i] (seconds since the request was read, or since the run started). token_times has no values. */
  z.object({
    ...base,
    kind: z.literal('series'),
    series: z.enum(['token_times', 'rss', 'pss', 'load', 'faults', 'anon', 'file', 'power', 'energy', 'temperature', 'frequency', 'decode_rate']),
    unit: z.string(),
    prompt: z.string().nullable(),
    launch: z.int(),
    repetition: z.int(),
    /** True for a request that warms up: its token times count in no metric. */
    warmup: z.boolean().optional(),
    ...origin,
    times: z.array(z.number()).max(1_000_000),
    values: z.array(z.number()).max(1_000_000),
  }),
  /** What was generated: the hash of the ids and the text of it. */
  z.object({
    ...base,
    kind: z.literal('output'),
    prompt: z.string(),
    launch: z.int(),
    repetition: z.int(),
    hash: z.string().max(64),
    text,
    tokens: z.int(),
  }),
  /** A source of power that was read: by the device, or by the controller. */
  z.object({
    ...base,
    kind: z.literal('sensor'),
    source: z.string().max(64),
    scope: ScopeName,
    detail: text,
    period: z.number(),
    /** Seconds between new values, as far as is known beforehand. */
    refresh: z.number(),
    reader: z.enum(['device', 'controller']),
    lab: z.boolean(),
  }),
  /** What was going on from begin to end, in seconds since the run started: the markers of energy. first and last token of a request. */
  z.object({
    ...base,
    kind: z.literal('window'),
    what: z.enum(['idle', 'measure', 'sampled']),
    prompt: z.string().nullable(),
    launch: z.int(),
    repetition: z.int(),
    begin: z.number(),
    end: z.number(),
    first: z.number().nullable(),
    n_prompt: z.int(),
    n_gen: z.int(),
  }),
  /** Seconds to add to a time of this clock to get one of the run (engine), or of the controller (device); off by no more than error. */
  z.object({ ...base, kind: z.literal('clock'), clock: z.enum(['engine', 'device']), offset: z.number(), error: z.number() }),
  z.object({ ...base, kind: z.literal('flag'), flag: z.enum(FLAG_NAMES), evidence: text }),
  z.object({ ...base, kind: z.literal('log'), text }),
  z.object({ ...base, kind: z.literal('end'), status: z.enum(['ok', 'failed', 'cancelled']), message: text.nullable() }),
]);
export type JournalRecord = z.infer<typeof JournalRecord>;
export type JournalKind = JournalRecord['kind'];
/** A record before the journal gives it seq and clocks. */
export type JournalEntry = JournalRecord extends infer R ? (R extends JournalRecord ? Omit<R, 'seq' | 'wall' | 'mono'> : never) : never;
