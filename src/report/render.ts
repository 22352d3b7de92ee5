import { UsageError } from '../core/errors.ts';
import { bencher } from './bencher.ts';
import { csv } from './csv.ts';
import { github } from './github.ts';
import { html } from './html.ts';
import { json } from './json.ts';
import { jsonl } from './jsonl.ts';
import { markdown } from './markdown.ts';
import type { Material } from './material.ts';
import { prometheus } from './prometheus.ts';

/** A format of `fleet report`: one file and one row here. */
export interface Format {
  readonly name: string;
  /** Of the file it makes, without the dot. */
  readonly extension: string;
  readonly what: string;
  /** Its text, whole or in pieces; null: it is a copy of the database, which the store writes. */
  readonly render: ((material: Material) => string | Promise<string> | Iterable<string>) | null;
  /** It refers to a picture that stands beside its file. */
  readonly picture?: true;
}

export const FORMATS: readonly Format[] = [
  { name: 'markdown', extension: 'md', what: 'for people, with a picture beside its file', render: markdown, picture: true },
  { name: 'html', extension: 'html', what: 'one file with all charts, for disk, mail and web', render: html },
  { name: 'csv', extension: 'csv', what: 'RFC 4180, a line a run', render: ({ runs }) => csv(runs) },
  { name: 'json', extension: 'json', what: 'one document', render: ({ whole }) => json(whole) },
  { name: 'jsonl', extension: 'jsonl', what: 'a document a line', render: ({ whole }) => jsonl(whole) },
  { name: 'sqlite', extension: 'db', what: 'a copy of the database', render: null },
  { name: 'bencher', extension: 'bmf.json', what: 'Bencher Metric Format', render: bencher },
  { name: 'github-bigger', extension: 'bigger.json', what: 'github-action-benchmark, customBiggerIsBetter', render: github('higher') },
  { name: 'github-smaller', extension: 'smaller.json', what: 'github-action-benchmark, customSmallerIsBetter', render: github('lower') },
  { name: 'prometheus', extension: 'prom', what: "Prometheus's text, as at /metrics", render: prometheus },
];

/** The format of a name or extension; a UsageError that lists them where there is none. */
export function formatOf(name: string): Format {
  const found = FORMATS.find((format) => format.name === name || format.extension === name);
  if (!found) throw new UsageError(`There is no report format "${name}": choose ${FORMATS.map((format) => format.name).join(', ')}.`);
  return found;
}
