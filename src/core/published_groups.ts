import type { PublishedRow } from './published.ts';

/** Rows that tell of one setting, with their figures by metric: what makes one line of a table. */
export interface PublishedGroup extends Pick<PublishedRow, 'device' | 'model' | 'engine' | 'threads' | 'test' | 'grade' | 'source' | 'story'> {
  figures: Partial<Record<PublishedRow['metric'], PublishedRow>>;
  notes: string[];
}

/** In the order of the rows. */
export function publishedGroups(rows: readonly PublishedRow[]): PublishedGroup[] {
  const groups = new Map<string, PublishedGroup>();
  for (const row of rows) {
    const { device, model, engine, threads, test, grade, source, story } = row;
    const key = JSON.stringify([device, model, engine, threads, test, grade, source, story]);
    const group = groups.get(key) ?? { device, model, engine, threads, test, grade, source, story, figures: {}, notes: [] };
    groups.set(key, group);
    group.figures[row.metric] = row;
    if (row.note !== null && !group.notes.includes(row.note)) group.notes.push(row.note);
  }
  return [...groups.values()];
}

/** "20.0 tokens/s" in words of numbers: `show` writes one number with its unit. A range has both ends, an estimate or a calculation says so. */
export function publishedText({ value, until, basis }: PublishedRow, show: (value: number) => string): string {
  const figure = until === null ? show(value) : `${show(value)} – ${show(until)}`;
  return basis === 'stated' ? figure : `${figure} (${basis === 'estimate' ? 'estimated' : 'calculated'})`;
}
