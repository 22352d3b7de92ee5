import { z } from 'zod';
import { METRIC_NAMES } from './metric.ts';

/** How far a number of somebody else can be trusted. */
export const GRADES = {
  A: "the maker's own document, paper or page",
  B: 'a thread with raw tool output and named hardware',
  C: 'reported by its author, nothing to check it by',
  D: 'contradicted, or too vague to be drawn',
} as const;

/** A number that somebody else published: shown apart, never mixed with measured ones. */
export const PublishedRow = z.strictObject({
  device: z.string(),
  engine: z.string(),
  model: z.string(),
  threads: z.int().positive().nullable(),
  /** Values as published, in base units; absent is not known. */
  metrics: z.partialRecord(z.enum(METRIC_NAMES), z.number().nonnegative()),
  grade: z.enum(['A', 'B', 'C', 'D']),
  source: z.string(),
  note: z.string().nullable(),
});
export type PublishedRow = z.infer<typeof PublishedRow>;

/** One of the observations that this project began with. */
export const Story = z.strictObject({ title: z.string(), text: z.string(), grade: z.enum(['A', 'B', 'C', 'D']), source: z.string() });
export type Story = z.infer<typeof Story>;

/** src/data/published.json and GET /api/published. */
export const Published = z.strictObject({ retrieved: z.string(), rows: z.array(PublishedRow), stories: z.array(Story) });
export type Published = z.infer<typeof Published>;
