import { z } from 'zod';
import type { RunStatus } from '../core/run.ts';

/** Runs in one answer, unless asked for less or more. */
const DEFAULT_LIMIT = 500;
const MOST = 5000;
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
const limit = z
  .string('give it once')
  .regex(/^\d{1,5}$/, `write a whole number from 1 to ${MOST}`)
  .transform(Number)
  .refine((n) => n >= 1 && n <= MOST, `write a whole number from 1 to ${MOST}`);

export const RunId = z
  .string('give the id of a run')
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'an id has letters, digits, dot, dash and underscore');

const FILTER = {
  device: words.optional(),
  toolchain: words.optional(),
  model: words.optional(),
  suite: words.optional(),
  since: time.optional(),
};

/** GET /api/runs */
export const RunsQuery = z.strictObject({
  ...FILTER,
  id: words.pipe(z.array(RunId)).optional(),
  status: words.pipe(z.array(z.enum(STATES, `a status is one of ${STATES.join(', ')}`))).optional(),
  valid: flag.optional(),
  /** Imported runs are in no list that does not ask for them. */
  measured: z.enum(['here', 'elsewhere', 'anywhere'], 'write here, elsewhere or anywhere').optional(),
  limit: limit.default(DEFAULT_LIMIT),
  /** false leaves out what the metrics of each prompt were: a quarter of the size. */
  prompts: flag.default(true),
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

/** GET /api/compare */
export const CompareQuery = z.strictObject({ ...FILTER, baseline: side, candidate: side });

export const NoQuery = z.strictObject({});

/** What was wrong with a request: 400, and the sentence. */
export class BadRequest extends Error {
  override name = 'BadRequest';
}

/** Checks a request's parameters against their schema; throws BadRequest with a sentence that names the parameter. */
export function parameters<Shape extends z.ZodType>(schema: Shape, query: unknown): z.infer<Shape> {
  const checked = schema.safeParse(query);
  if (checked.success) return checked.data;
  throw new BadRequest(sentence(checked.error));
}

function sentence(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue?.code === 'unrecognized_keys')
    return `There is no parameter ${issue.keys.map((key) => JSON.stringify(key.slice(0, 64))).join(', ')} here.`;
  const name = String(issue?.path[0] ?? '');
  return name === '' ? `The request is wrong: ${issue?.message}.` : `Parameter ${JSON.stringify(name.slice(0, 64))} is wrong: ${issue?.message}.`;
}
