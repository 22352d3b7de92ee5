import { basename, dirname, extname, join } from 'node:path';
import { comparisonRows } from '../core/comparison.ts';
import { UsageError } from '../core/errors.ts';
import { noiseOf } from '../core/noise.ts';
import { publishedOf } from '../core/published.ts';
import type { RunSummary } from '../core/run.ts';
import type { RunFilter, Store } from '../core/store.ts';
import file from '../data/published.json' with { type: 'json' };
import type { Material } from '../report/material.ts';
import { picture } from '../report/picture.ts';
import { formatOf } from '../report/render.ts';
import { openStore } from '../store/store.ts';
import type { Context } from './context.ts';
import { replace } from './replace.ts';

export interface ReportOptions {
  format: string;
  output?: string;
  full?: boolean;
  published: boolean;
}

/** Writes the report to its file, or to stdout. Throws a FleetError, and then there is no file, or the old one. */
export async function report(context: Context, filter: RunFilter, options: ReportOptions): Promise<void> {
  const format = formatOf(options.format); // a wrong name is told before the database is read
  if (!format.render && options.output === undefined) throw new UsageError(`${format.name} is a file and no text: name it with -o FILE`);
  const store = openStore(context.db, { readonly: true });
  try {
    const runs = store.runs({ ...filter, prompts: false });
    const done = (beside: string[] = []) =>
      context.give(`${runs.length} runs are in ${[options.output, ...beside].join(' and ')}.\n`, {
        ...{ file: options.output, format: format.name, runs: runs.length, ...(beside.length > 0 ? { beside } : {}) },
      });
    if (!format.render) {
      store.copyTo(options.output as string, isNarrow(filter) ? runs.map(({ id }) => id) : undefined);
      return done();
    }
    const drawn = format.picture && options.output !== undefined ? picture(runs) : null;
    const beside = drawn && options.output !== undefined ? pathBeside(options.output) : null;
    const text = await format.render(materialOf(store, runs, options, beside && basename(beside)));
    if (options.output === undefined) {
      const parts = typeof text === 'string' ? [text] : text;
      if (context.json && format.name !== 'json') context.give('', { format: format.name, text: [...parts].join('') });
      else for (const part of parts) process.stdout.write(part);
      return;
    }
    if (drawn && beside) await replace(beside, drawn.svg);
    await replace(options.output, text);
    done(beside ? [beside] : []);
  } finally {
    store.close();
  }
}

function materialOf(store: Store, runs: readonly RunSummary[], { full, published }: ReportOptions, beside: string | null): Material {
  const ids = new Set(runs.map(({ id }) => id));
  return {
    runs,
    whole: wholes(store, runs, full === true),
    detail: (id) => store.run(id),
    get comparisons() {
      const own = store.comparisons({ limit: 1000 }).filter(({ launches }) => launches.length > 0 && launches.every(({ run }) => ids.has(run.id)));
      return comparisonRows(own, (comparison, name) => noiseOf(store, comparison, name));
    },
    published: published ? publishedOf(file) : null,
    made: Date.now(),
    picture: beside,
  };
}

/** Runs that are read at once. */
const CHUNK = 50;

/** These runs with each prompt, or with everything, a few at a time. */
function* wholes(store: Store, runs: readonly RunSummary[], full: boolean): Generator<RunSummary> {
  for (let at = 0; at < runs.length; at += CHUNK) {
    const id = runs.slice(at, at + CHUNK).map((run) => run.id);
    if (full) yield* id.flatMap((one) => store.run(one) ?? []);
    else yield* store.runs({ id });
  }
}

function isNarrow(filter: RunFilter): boolean {
  return Object.values(filter).some((value) => value !== undefined);
}

/** report.md has its picture in report.svg. */
function pathBeside(output: string): string {
  return join(dirname(output), `${basename(output, extname(output))}.svg`);
}
