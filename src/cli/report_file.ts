import { basename, dirname, extname, join } from 'node:path';
import { comparisonRows } from '../core/comparison.ts';
import { UsageError } from '../core/errors.ts';
import { publishedOf } from '../core/published.ts';
import type { RunSummary } from '../core/run.ts';
import type { RunFilter, Store } from '../core/store.ts';
import file from '../data/published.json' with { type: 'json' };
import type { Material } from '../report/material.ts';
import { picture } from '../report/picture.ts';
import { formatOf } from '../report/render.ts';
import { openStore } from '../store/store.ts';
import { noiseOf } from './compare_all.ts';
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
    const runs = store.runs(filter);
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
      if (context.json && format.name !== 'json') context.give('', { format: format.name, text });
      else process.stdout.write(text);
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
    runs: full ? runs.map((run) => store.run(run.id) ?? run) : runs,
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

function isNarrow(filter: RunFilter): boolean {
  return Object.values(filter).some((value) => value !== undefined);
}

/** report.md has its picture in report.svg. */
function pathBeside(output: string): string {
  return join(dirname(output), `${basename(output, extname(output))}.svg`);
}
