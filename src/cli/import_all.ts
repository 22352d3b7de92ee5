import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { BundleLine } from '../core/bundle.ts';
import { FleetError, reason } from '../core/errors.ts';
import { plain } from '../core/plain.ts';
import type { Imported, Store, StoredOrigin } from '../core/store.ts';
import { linesOf } from '../exchange/formats.ts';
import type { Incoming } from '../exchange/incoming.ts';
import { openStore } from '../store/store.ts';
import type { Context } from './context.ts';
import { failureOf } from './failure.ts';

export interface ImportOptions extends Pick<Incoming, 'device' | 'model' | 'title'> {
  format?: string;
  dryRun?: boolean;
  list?: boolean;
}

/** Bytes of a file that is read at all. */
const MOST = 2 ** 30;

interface Row extends Partial<Imported> {
  file: string;
  format?: string;
  error?: string;
}

/** Imports each file by itself: one that is refused leaves nothing and keeps no other one out. Returns the exit status. */
export async function importAll(context: Context, files: readonly string[], options: ImportOptions): Promise<number> {
  const store = options.dryRun || (options.list && files.length === 0) ? null : openStore(context.db);
  const rows: Row[] = [];
  let status = 0;
  try {
    for (const file of files)
      try {
        rows.push(await importOne(store, file, options));
      } catch (error) {
        const { sentence, status: worse } = failureOf(error);
        context.say(`fleet: ${sentence}`);
        rows.push({ file, error: sentence });
        status = Math.max(status, worse);
      }
  } finally {
    store?.close();
  }
  const origins = options.list ? listed(context.db) : undefined;
  context.give(() => textOf(rows, origins, options.dryRun === true), { files: rows, ...(origins ? { origins } : {}) });
  return status;
}

async function importOne(store: Store | null, file: string, { format: wanted, device, model, title }: ImportOptions): Promise<Row> {
  const incoming = { ...(await read(file)), device, model, title };
  const { format, lines } = linesOf(incoming, wanted);
  return { file, format, ...(store ? store.importLines(lines, incoming.name) : checked(lines)) };
}

async function read(file: string): Promise<Pick<Incoming, 'name' | 'bytes' | 'modified'>> {
  try {
    const { size, mtimeMs } = await stat(file);
    if (size > MOST) throw new FleetError(`${file} is larger than ${MOST / 2 ** 30} GiB: nothing was imported.`);
    return { name: basename(file), bytes: await readFile(file), modified: Math.round(mtimeMs) };
  } catch (error) {
    if (error instanceof FleetError) throw error;
    throw new FleetError(`${file} cannot be read: ${reason(error)}.`, { cause: error });
  }
}

/** What is in the lines, each of them gone through. */
function checked(lines: Iterable<BundleLine>): Imported {
  const found: Imported = { runs: [], known: [], comparisons: [], baselines: [], origins: [] };
  for (const line of lines) {
    if (line.line === 'run') found.runs.push(line.id);
    if (line.line === 'comparison') found.comparisons.push(line.id);
    if (line.line === 'baseline') found.baselines.push(`${line.name}@${line.origin}`);
    if (line.line === 'origin') found.origins.push(line.id);
  }
  return found;
}

function listed(db: string): StoredOrigin[] {
  const store = openStore(db, { readonly: true });
  try {
    return store.origins();
  } finally {
    store.close();
  }
}

function textOf(rows: readonly Row[], origins: readonly StoredOrigin[] | undefined, dry: boolean): string {
  const told = rows.flatMap(({ file, format, error, runs = [], known = [], comparisons = [], baselines = [], origins: from = [] }) => {
    if (error !== undefined) return [];
    const already = known.length > 0 ? `, ${known.length} were here already` : '';
    const pairs = comparisons.length > 0 ? `, ${comparisons.length} comparisons` : '';
    const names = baselines.length > 0 ? `, baseline ${baselines.map(plain).join(', ')}` : '';
    return [`${plain(file)} (${format}): ${runs.length} runs${pairs}${names}${already}, of ${from.join(', ')}${dry ? '; nothing was stored' : ''}.`];
  });
  const list = origins?.map(({ id, title, file, imported, runs }) => {
    return `${id}  ${runs} runs  ${new Date(imported).toISOString().slice(0, 16)}  ${plain(title ?? file)}`;
  });
  const lines = [...told, ...(list?.length === 0 ? ['Nothing was imported yet.'] : (list ?? []))];
  return lines.length > 0 ? `${lines.join('\n')}\n` : '';
}
