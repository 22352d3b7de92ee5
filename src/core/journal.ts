import { z } from 'zod';
import { FLAG_NAMES } from './flags.ts';
import { METRIC_NAMES } from './metric.ts';

/**
 * The journal of a run: NDJSON records with sequence numbers from 1, written on the device by the agent, followed by the controller by
 * offset, stored once (run id + seq is the key). `wall` is the device's clock in ms since 1970; `mono` its monotonic clock in seconds.
 */
const base = { seq: z.int().positive(), wall: z.number(), mono: z.number() };
const text = z.string().max(65536);

export const JournalRecord = z.discriminatedUnion('kind', [
  z.object({ ...base, kind: z.literal('start'), job: z.string(), agent: z.string(), pid: z.int() }),
  /** What the run is doing now. done/total count the steps of this phase where they are known. */
  z.object({
    ...base,
    kind: z.literal('phase'),
    phase: z.enum(['model', 'check', 'golden', 'load', 'warmup', 'measure', 'memory']),
    detail: text.optional(),
    done: z.number().optional(),
    total: z.number().optional(),
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
  }),
  /** A trace: values[i] at times[i] (seconds since the request was read, or since the run started). token_times has no values. */
  z.object({
    ...base,
    kind: z.literal('series'),
    series: z.enum(['token_times', 'rss', 'pss', 'load', 'faults']),
    unit: z.string(),
    prompt: z.string().nullable(),
    launch: z.int(),
    repetition: z.int(),
    /** True for a request that warms up: its token times count in no metric. */
    warmup: z.boolean().optional(),
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
  z.object({ ...base, kind: z.literal('flag'), flag: z.enum(FLAG_NAMES), evidence: text }),
  z.object({ ...base, kind: z.literal('log'), text }),
  z.object({ ...base, kind: z.literal('end'), status: z.enum(['ok', 'failed', 'cancelled']), message: text.nullable() }),
]);
export type JournalRecord = z.infer<typeof JournalRecord>;
export type JournalKind = JournalRecord['kind'];
/** A record before the journal gives it seq and clocks. */
export type JournalEntry = JournalRecord extends infer R ? (R extends JournalRecord ? Omit<R, 'seq' | 'wall' | 'mono'> : never) : never;
