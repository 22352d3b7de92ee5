import { z } from 'zod';
import { MOST_VALUES } from '../core/change_point.ts';
import { BUILD_CAUSES, type BuildCause } from '../core/epoch.ts';
import { METRIC_NAMES } from '../core/metric.ts';
import type { RunStatus } from '../core/run.ts';

/** Runs in one answer, unless asked for less or more. */
const DEFAULT_LIMIT = 500;
const MOST = 5000;
/** Settings in one answer, likewise. */
const MOST_SETTINGS = 1000;
const STATES = ['queued', 'running', 'ok', 'failed', 'cancelled', 'interrupted'] as const satisfies readonly RunStatus[];

// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the purpose
const word = z.string().regex(/^[^\u0000-\u001f\u007f]{1,128}$/, 'give 1 to 128 characters without control characters');
/** a,b or the parameter several times: any of them. */
const words = z
  .union([z.string(), z.array(z.string())], 'give a text')
  .transform((given) => [given].flat().flatMap((text) => text.split(',')))
  .pipe(z.array(word).min(1).max(100, 'give at most 100 values'));
const flag = z.enum(['true', 'false'], 'write true or false').transform((text) => text === 'true');
const time = z
  .string('give it once')
  .max(40, 'write a date like 2026-01-31, or milliseconds since 1970')
  .transform((text) => (/^\d{1,15}$/.test(text) ? Number(text) : /^\d{4}-/.test(text) ? Date.parse(text) : Number.NaN))
  .refine(Number.isFinite, 'write a date like 2026-01-31, or milliseconds since 1970');
const upTo = (most: number) =>
  z
    .string('give it once')
    .regex(/^\d{1,5}$/, `write a whole number from 1 to ${most}`)
    .transform(Number)
    .refine((n) => n >= 1 && n <= most, `write a whole number from 1 to ${most}`);
const threads = upTo(512);
const limit = upTo(MOST);

export const RunId = z
  .string('give the id of a run')
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'an id has letters, digits, dot, dash and underscore');

const FILTER = {
  device: words.optional(),
  toolchain: words.optional(),
  model: words.optional(),
  suite: words.optional(),
  since: time.optional(),
  before: time.optional(),
};

const metrics = words.pipe(z.array(z.enum(METRIC_NAMES, 'name metrics such as decode_rate')));

/** GET /api/runs */
export const RunsQuery = z
  .strictObject({
    ...FILTER,
    id: words.pipe(z.array(RunId)).optional(),
    threads: threads.optional(),
    status: words.pipe(z.array(z.enum(STATES, `a status is one of ${STATES.join(', ')}`))).optional(),
    valid: flag.optional(),
    /** Imported runs are in no list that does not ask for them. */
    measured: z.enum(['here', 'elsewhere', 'anywhere'], 'write here, elsewhere or anywhere').optional(),
    limit: limit.default(DEFAULT_LIMIT),
    /** false leaves out what the metrics of each prompt were: a quarter of the size. */
    prompts: flag.default(true),
    /** Without prompts: only these metrics of runs that are over. */
    metrics: metrics.optional(),
  })
  // what each prompt gave is worked out from every sample
  .refine(({ prompts, limit: most }) => !prompts || most <= DEFAULT_LIMIT, {
    path: ['limit'],
    message: `with what each prompt gave at most ${DEFAULT_LIMIT}; prompts=false takes up to ${MOST}`,
  });

/** GET /api/settings */
export const SettingsQuery = z.strictObject({
  ...{ device: words.optional(), toolchain: words.optional(), model: words.optional(), suite: words.optional() },
  threads: threads.optional(),
  valid: flag.optional(),
  metrics: metrics.default(['decode_rate']),
  limit: upTo(MOST).default(MOST_SETTINGS),
});

const Conditions = z.strictObject(
  { device: word.optional(), toolchain: word.optional(), model: word.optional(), suite: word.optional() },
  'write conditions like toolchain:clang-19,device:pi; they name device, toolchain, model or suite',
);

/** One side of a comparison: the id of a run, or toolchain:clang-19 (with , for several conditions). */
const side = z
  .string('give the id of a run, or conditions like toolchain:clang-19')
  .max(300, 'give at most 300 characters')
  .transform((text, context) => {
    const pairs = text.split(',').map((part) => part.split(/:(.*)/s, 2));
    const checked = text.includes(':') ? Conditions.safeParse(Object.fromEntries(pairs)) : RunId.safeParse(text);
    if (checked.success) return typeof checked.data === 'string' ? { id: checked.data } : checked.data;
    context.addIssue({ code: 'custom', message: checked.error.issues[0]?.message ?? 'it cannot be read' });
    return z.NEVER;
  });
export type Side = z.infer<typeof side>;

/** GET /api/compare with two sides */
export const CompareQuery = z.strictObject({ ...FILTER, baseline: side, candidate: side });

/** GET /api/compare without sides: the comparisons that were made in pairs. */
export const JudgedQuery = z.strictObject({
  ...{ id: RunId.optional(), device: word.optional(), model: word.optional(), suite: word.optional(), threads: threads.optional() },
  limit: upTo(200).default(50),
});

/** GET /api/history */
export const HistoryQuery = z.strictObject({
  ...FILTER,
  threads: threads.optional(),
  metric: words.pipe(z.array(z.enum(METRIC_NAMES, 'name a metric, such as decode_rate')).max(4, 'give at most 4 metrics')).default(['decode_rate']),
  across: words.pipe(z.array(z.enum(BUILD_CAUSES as [BuildCause, ...BuildCause[]], `it is ${BUILD_CAUSES.join(' or ')}`))).default([]),
  /** Newest runs that are read. */
  limit: limit.default(1000),
  /** Newest points of an epoch that are told. */
  points: upTo(MOST_VALUES).default(200),
});

export const NoQuery = z.strictObject({});

/** What was wrong with a request: 400, and the sentence. */
export class BadRequest extends Error {
  override name = 'BadRequest';
}

/** Checks a request's parameters against their schema; throws BadRequest with a sentence that names the parameter. */
export function parameters<Shape extends z.ZodType>(schema: Shape, query: unknown): z.infer<Shape> {
  const checked = schema.safeParse(query);
  if (checked.success) return checked.data;
  throw new BadRequest(unreadable(checked.error));
}

/** The first thing that is wrong, in one sentence. */
export function unreadable(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue?.code === 'unrecognized_keys')
    return `There is no parameter ${issue.keys.map((key) => JSON.stringify(key.slice(0, 64))).join(', ')} here.`;
  const name = String(issue?.path[0] ?? '');
  return name === '' ? `The request is wrong: ${issue?.message}.` : `Parameter ${JSON.stringify(name.slice(0, 64))} is wrong: ${issue?.message}.`;
}
