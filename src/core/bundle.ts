import { z } from 'zod';
import { BASELINE_NAME } from './baseline.ts';
import { SIDES } from './comparison.ts';
import { Facts } from './facts.ts';
import { FLAG_NAMES } from './flags.ts';
import { JournalRecord } from './journal.ts';
import { METRIC_NAMES } from './metric.ts';

/**
 * An evidence bundle: everything that is known of some runs, as lines of JSON, so that another fleet has them without loss. Lines stand in
 * the order of the rows below; a run is followed by its records and flags and closed by `done`, with the SHA-256 of its lines; the last
 * line has that of all lines before it. Nothing in it depends on row numbers, file names or the time of export: the same runs give the same
 * bytes in every fleet that has them. Files of other programs are brought into the same lines before they are stored.
 */
export const BUNDLE_VERSION = 2;

/** What rows can come from: another fleet, or a file of another program. */
export const ORIGIN_FORMATS = ['fleet', 'llama-bench', 'hyperfine'] as const;

const short = z.string().max(1000);
const key = z.string().regex(/^[0-9a-f]{16}$/);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const runId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'letters, digits, dots, dashes and underscores, at most 100');
const count = z.int().nonnegative();
const time = z.number().min(-8.64e15).max(8.64e15); // ms since 1970

export const OriginId = z.string().regex(/^(fleet|llama-bench|hyperfine)-[0-9a-f]{12}$/, 'a format and 12 hexadecimal digits');

/** Where rows were measured, if not here. */
export const Origin = z.strictObject({
  id: OriginId,
  format: z.enum(ORIGIN_FORMATS),
  /** What whoever brought a file in calls it; null for a fleet. */
  title: z.string().max(300).nullable(),
  /** Of the file; null for a fleet. */
  sha256: sha256.nullable(),
});
export type Origin = z.infer<typeof Origin>;

/** A journal record as it is stored: the controller's own have negative sequence numbers. */
const StoredRecord = z.looseObject({ seq: z.int() }).transform((raw, context): JournalRecord => {
  const parsed = JournalRecord.safeParse({ ...raw, seq: Math.abs(raw.seq) });
  if (parsed.success) return { ...parsed.data, seq: raw.seq };
  for (const { path, message } of parsed.error.issues) context.addIssue({ code: 'custom', path, message });
  return z.NEVER;
});

const BundleLine = z.discriminatedUnion('line', [
  z.strictObject({ line: z.literal('bundle'), version: z.int().positive() }),
  z.strictObject({ line: z.literal('origin'), ...Origin.shape }),
  /** `name` is its id at home. */
  z.strictObject({ line: z.literal('device'), key, origin: OriginId, name: short.min(1), title: short.nullable() }),
  z.strictObject({ line: z.literal('facts'), key, device: key, time, epoch: z.string().max(64), facts: Facts }),
  z.strictObject({
    ...{ line: z.literal('build'), key, sha256: z.string().max(64), toolchain: short, compiler: short, target: short },
    ...{ flags: z.string().max(65536), bytes: count.nullable(), code: z.string().max(64).nullable() },
    commit: z.string().max(64).optional(),
  }),
  z.strictObject({
    ...{ line: z.literal('run'), id: runId, device: key, build: key, facts: key.nullable() },
    ...{ model: short, suite: z.string().max(65536), suite_version: z.int(), threads: count, cpus: short.nullable(), emulated: z.boolean() },
    ...{ journal: z.string().max(65536).nullable(), started: time, ended: time.nullable() },
    ...{ status: z.enum(['ok', 'failed', 'cancelled', 'interrupted']), message: z.string().max(65536).nullable(), last_seq: count },
  }),
  z.strictObject({ line: z.literal('record'), record: StoredRecord }),
  z.strictObject({ line: z.literal('flag'), flag: z.enum(FLAG_NAMES), evidence: z.string().max(65536) }),
  z.strictObject({ line: z.literal('done'), run: runId, lines: count, sha256 }),
  z.strictObject({
    ...{ line: z.literal('comparison'), id: runId, device: key, baseline: key, candidate: key, model: short, suite: short },
    ...{ suite_version: z.int(), threads: count, metrics: z.array(z.enum(METRIC_NAMES)).max(METRIC_NAMES.length), seed: z.int() },
    ...{ epoch: z.string().max(64).nullable(), started: time, ended: time.nullable() },
    ...{ status: z.enum(['ok', 'failed', 'cancelled']), message: z.string().max(65536).nullable() },
    launches: z.array(z.tuple([count, z.enum(SIDES), runId])).max(100_000),
  }),
  /** `name` is what it is called at home; `runs` in the order of their ids. */
  z.strictObject({
    line: z.literal('baseline'),
    origin: OriginId,
    name: z.string().regex(BASELINE_NAME),
    made: time,
    runs: z.array(runId).max(100_000),
  }),
  /** The run was made to confirm a change of the metric. */
  z.strictObject({ line: z.literal('rerun'), run: runId, metric: z.enum(METRIC_NAMES) }),
  z.strictObject({ line: z.literal('end'), lines: count, sha256 }),
]);
export type BundleLine = z.infer<typeof BundleLine>;
export type LineOf<Name extends BundleLine['line']> = Extract<BundleLine, { line: Name }>;

/** The line as the schema writes it: keys in its order, nothing else. Throws a ZodError where it is none. */
export function bundleLine(value: unknown): BundleLine {
  return BundleLine.parse(value);
}

/** What is wrong with a value that should be a line, in a few words; null where it is one. */
export function faultOf(error: unknown): string {
  if (!(error instanceof z.ZodError)) return error instanceof Error ? error.message : String(error);
  const [issue] = error.issues;
  return `${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'not as expected'}`;
}
