import { UsageError } from '../core/errors.ts';
import type { RunSummary } from '../core/run.ts';
import { csv } from './csv.ts';
import { json } from './json.ts';
import { jsonl } from './jsonl.ts';
import { markdown } from './markdown.ts';

/** A format of `fleet report`: one file and one row here. Runs may carry their details; json and jsonl write all that they are given. */
export interface Format {
  readonly name: string;
  /** Of the file it makes, without the dot. */
  readonly extension: string;
  readonly render: (runs: readonly RunSummary[]) => string;
}

export const FORMATS: readonly Format[] = [
  { name: 'markdown', extension: 'md', render: markdown },
  { name: 'csv', extension: 'csv', render: csv },
  { name: 'json', extension: 'json', render: json },
  { name: 'jsonl', extension: 'jsonl', render: jsonl },
];

/** The text of a report; a name that is no format is a UsageError that lists them. */
export function render(format: string, runs: readonly RunSummary[]): string {
  const found = FORMATS.find(({ name, extension }) => name === format || extension === format);
  if (!found) throw new UsageError(`There is no report format "${format}": choose ${FORMATS.map(({ name }) => name).join(', ')}.`);
  return found.render(runs);
}
