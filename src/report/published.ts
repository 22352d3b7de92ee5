import { ABSENT, number, quantity } from '../core/format.ts';
import { GRADES, type Grade } from '../core/grades.ts';
import { METRICS } from '../core/metric.ts';
import { plain } from '../core/plain.ts';
import type { Published, PublishedRow } from '../core/published.ts';
import { type PublishedGroup, publishedGroups, publishedText } from '../core/published_groups.ts';
import { colours as coloursOf } from './colour.ts';
import { fit, type GridColumn, gridLines } from './grid.ts';

/** `fleet published`: what others published, a line a setting; then the stories. Ends with a newline. */
export function publishedTable({ rows, stories, retrieved }: Published, { width = 100, colour = false } = {}): string {
  const colours = coloursOf(colour);
  if (rows.length === 0) return 'No published rows fit.\n';
  const groups = publishedGroups(rows.filter(({ story }) => story === null));
  const column = (title: string, rank: number, cell: (group: PublishedGroup) => string, align: 'left' | 'right' = 'left'): GridColumn => {
    return { title, align, rank, cells: groups.map((group) => plain(cell(group))) };
  };
  const figure = (name: PublishedRow['metric']) => (group: PublishedGroup) => (group.figures[name] ? shown(group.figures[name]) : ABSENT);
  const { kept, gone } = fit(
    [
      column('device', 0, ({ device }) => device),
      column('model', 3, ({ model }) => model),
      column('engine', 4, ({ engine, test }) => (test === null ? engine : `${engine}, ${test}`)),
      column('thr.', 2, ({ threads }) => (threads === null ? ABSENT : String(threads)), 'right'),
      column('prefill t/s', 1, figure('prefill_rate'), 'right'),
      column('decode t/s', 0, figure('decode_rate'), 'right'),
      column('other', 5, others),
      column('grade', 0, ({ grade }) => grade),
      column('source', 6, ({ source }) => source),
    ],
    width,
  );
  const lines = [
    `${colours.bold('Published by others')} ${colours.dim(`· read in ${plain(retrieved)}; measured otherwise, never mixed with runs of this fleet`)}`,
    ...['', ...gridLines(kept, colours.dim)],
    ...(gone.length > 0 ? [colours.dim(`A wider terminal also shows: ${gone.join(', ')}; --json has everything.`)] : []),
    ...['', ...(Object.keys(GRADES) as Grade[]).map((grade) => `${grade}: ${GRADES[grade]}`)],
    ...stories.flatMap(({ title, text, grade, source }) => [
      '',
      `${colours.bold(plain(title))} (${grade}) ${plain(text)}`,
      colours.dim(plain(source)),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

/** A figure in its unit; rates without, for their column names it. */
export function shown(row: PublishedRow): string {
  return publishedText(row, (value) => (row.unit === 'tokens/s' || row.unit === '' ? number(value) : quantity(value, row.unit)));
}

/** All figures but the two rates, each with its title. */
export function others({ figures }: PublishedGroup): string {
  const { prefill_rate, decode_rate, ...rest } = figures;
  return Object.values(rest)
    .map((row) => `${METRICS.find(({ name }) => name === row.metric)?.title ?? row.metric} ${shown(row)}`)
    .join(', ');
}
