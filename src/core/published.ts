import { z } from 'zod';
import { GRADES, type Grade } from './grades.ts';
import { METRIC_NAMES, METRICS } from './metric.ts';
import { slug } from './slug.ts';

const grade = z.enum(Object.keys(GRADES) as [Grade, ...Grade[]]);
const metricName = z.enum(METRIC_NAMES);
const text = z.string().min(1).max(300);
/** How a figure came about: as its source states it, called an estimate there, or our arithmetic on what it states. */
const basis = z.enum(['stated', 'estimate', 'calculated']);

/** What a set, a story or one of its rows may say; what the row leaves out is as the set says. */
const shared = { model: text, engine: text, test: text.optional(), note: text.nullish(), basis: basis.optional() };

const FileRow = z.strictObject({
  ...{ device: text, threads: z.int().positive().optional() },
  ...{ model: text.optional(), engine: text.optional(), test: text.optional(), note: text.nullish(), basis: basis.optional() },
  /** In base units; two numbers are a range. */
  values: z.partialRecord(metricName, z.union([z.number().nonnegative(), z.tuple([z.number().nonnegative(), z.number().nonnegative()])])),
});

const FileSet = z.strictObject({ source: text, grade, ...shared, rows: z.array(FileRow).min(1) });

/** src/data/published.json: figures by their source, what they share written once. */
export const PublishedFile = z.strictObject({
  retrieved: text,
  sets: z.array(FileSet),
  stories: z.array(FileSet.extend({ id: text, title: text, text })),
});

/** A number that somebody else published: shown apart, never mixed with measured ones. */
export const PublishedRow = z.strictObject({
  /** Of what the row is about, so it stands when others come. */
  id: text,
  device: text,
  model: text,
  engine: text,
  threads: z.int().positive().nullable(),
  metric: metricName,
  value: z.number().nonnegative(),
  /** The upper end where a range was published; else null. */
  until: z.number().nonnegative().nullable(),
  /** Base unit of the metric; '' for one without. */
  unit: z.string(),
  /** What was run, as the source calls it: "pp512 + tg128", "wikitext". */
  test: text.nullable(),
  basis,
  grade,
  source: text,
  note: text.nullable(),
  /** The story it belongs to. */
  story: text.nullable(),
});
export type PublishedRow = z.infer<typeof PublishedRow>;

/** One of the observations that this project began with; its figures are rows with this id as their story. */
export const Story = z.strictObject({ id: text, title: text, text, grade, source: text });
export type Story = z.infer<typeof Story>;

/** GET /api/published. */
export const Published = z.strictObject({ retrieved: text, rows: z.array(PublishedRow), stories: z.array(Story) });
export type Published = z.infer<typeof Published>;

/** The rows of the file, one a figure. Throws a ZodError where the file is not as it should be, or two rows have one id. */
export function publishedOf(file: unknown): Published {
  const { retrieved, sets, stories } = PublishedFile.parse(file);
  const rows = [...sets.map((set) => rowsOf(set, null)), ...stories.map((story) => rowsOf(story, story.id))].flat();
  const twice = rows.find(({ id }, i) => rows.findIndex((row) => row.id === id) !== i);
  if (twice) throw new z.ZodError([{ code: 'custom', path: ['rows'], message: `two rows are ${twice.id}`, input: twice }]);
  const told = stories.map(({ id, title, text, grade, source }) => ({ id, title, text, grade, source }));
  return Published.parse({ retrieved, rows, stories: told });
}

function rowsOf(set: z.infer<typeof FileSet>, story: string | null): PublishedRow[] {
  return set.rows.flatMap((row) => {
    const { device, threads = null } = row;
    const [model, engine, test] = [row.model ?? set.model, row.engine ?? set.engine, row.test ?? set.test ?? null];
    const rest = { grade: set.grade, source: set.source, basis: row.basis ?? set.basis ?? ('stated' as const), note: row.note ?? set.note ?? null };
    return (Object.entries(row.values) as [PublishedRow['metric'], number | [number, number]][]).map(([metric, found]) => {
      const [value, until] = typeof found === 'number' ? [found, null] : found;
      const about = [story ?? '', device, engine, model, test ?? '', threads === null ? '' : `${threads}t`, metric].map(slug);
      const unit = METRICS.find(({ name }) => name === metric)?.unit ?? '';
      return { id: about.filter((part) => part !== '').join('/'), device, model, engine, threads, metric, value, until, unit, test, story, ...rest };
    });
  });
}
