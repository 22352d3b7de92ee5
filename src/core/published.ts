import { z } from 'zod';
import type { Grade } from './grades.ts';
import { METRIC_NAMES } from './metric.ts';

const grade = z.enum(['A', 'B', 'C', 'D'] satisfies Grade[]);

/** A number that somebody else published: shown apart, never mixed with measured ones. */
export const PublishedRow = z.strictObject({
  device: z.string(),
  engine: z.string(),
  model: z.string(),
  threads: z.int().positive().nullable(),
  /** Values as published, in base units; absent is not known. */
  metrics: z.partialRecord(z.enum(METRIC_NAMES), z.number().nonnegative()),
  grade,
  source: z.string(),
  note: z.string().nullable(),
});
export type PublishedRow = z.infer<typeof PublishedRow>;

/** One of the observations that this project began with. */
export const Story = z.strictObject({ title: z.string(), text: z.string(), grade, source: z.string() });
export type Story = z.infer<typeof Story>;

/** src/data/published.json and GET /api/published. */
export const Published = z.strictObject({ retrieved: z.string(), rows: z.array(PublishedRow), stories: z.array(Story) });
export type Published = z.infer<typeof Published>;
