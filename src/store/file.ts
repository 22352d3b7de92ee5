import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { FleetError, reason, StoreError } from '../core/errors.ts';
import { APPLICATION_ID, MIGRATIONS } from './schema.ts';

/**
 * Longest wait for other processes' transactions, in ms. Ours last milliseconds, but for what a slow disk takes to keep them; and there is no
 * queue: SQLite looks ten times a second whether the file is free, which between the commits of a busy writer it is for a moment only.
 */
const BUSY_TIMEOUT = 60_000;

/**
 * Opens the database file, makes it where it does not exist, and brings its schema up to date.
 *
 * WAL: readers and the one writer do not wait for each other. synchronous = FULL: the journal on the device is removed once its rows are
 * committed, so a commit has to be on the disk and not just in the system's memory. A killed process loses no committed row; nor does a
 * power cut, where the disk keeps what it said it wrote - a disk that lies about that may lose the last commits, never the whole file.
 */
export function openFile(path: string, options: { readonly?: boolean } = {}): Database.Database {
  const file = resolve(path);
  checkPlace(file, options.readonly ?? false);
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { readonly: options.readonly ?? false, timeout: BUSY_TIMEOUT });
    const opened = db;
    if (!options.readonly) patiently(() => opened.pragma('journal_mode = WAL'));
    db.pragma('synchronous = FULL');
    db.pragma('foreign_keys = ON');
    migrate(db, file, options.readonly ?? false);
    return db;
  } catch (error) {
    db?.close();
    throw explain(error, file);
  }
}

/** Runs the missing migrations in one transaction; of two programs that start at once the second finds nothing to do. */
function migrate(db: Database.Database, file: string, readonly: boolean): void {
  const version = () => Number(db.pragma('user_version', { simple: true }));
  if (db.prepare('SELECT 1 FROM sqlite_schema').get() && Number(db.pragma('application_id', { simple: true })) !== APPLICATION_ID) {
    throw new FleetError(`${file} is a database of another program: fleet leaves it alone. Name another file with --db.`);
  }
  const found = version();
  if (found > MIGRATIONS.length) {
    throw new FleetError(
      `${file} was written by a newer fleet (schema ${found}, this one knows ${MIGRATIONS.length}): update fleet, or name another file with --db.`,
    );
  }
  if (found === MIGRATIONS.length) return;
  if (readonly) {
    throw new FleetError(`${file} has an older schema (${found} of ${MIGRATIONS.length}) and was opened for reading only: open it once for writing.`);
  }
  db.transaction(() => {
    db.pragma(`application_id = ${APPLICATION_ID}`);
    for (let at = version(); at < MIGRATIONS.length; at++) {
      db.exec(MIGRATIONS[at] as string);
      db.pragma(`user_version = ${at + 1}`);
    }
  }).immediate();
}

function checkPlace(file: string, readonly: boolean): void {
  if (existsSync(file)) {
    if (!statSync(file).isFile()) throw new FleetError(`${file} is not a file: name a database file with --db.`);
  } else if (readonly) {
    throw new FleetError(`There is no database ${file} yet: run \`fleet bench\` first, or name one with --db.`);
  } else if (!existsSync(dirname(file))) {
    throw new FleetError(`There is no folder ${dirname(file)} for the database: make it, or name another file with --db.`);
  }
}

/** Switching to WAL does not wait for other openers by itself: SQLite answers "busy" at once. */
function patiently<Result>(action: () => Result): Result {
  const end = Date.now() + BUSY_TIMEOUT;
  for (;;) {
    try {
      return action();
    } catch (error) {
      if (!code(error).startsWith('SQLITE_BUSY') || Date.now() > end) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}

function code(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

const SENTENCES: readonly (readonly [code: RegExp, what: string, next: string])[] = [
  [/^SQLITE_NOTADB/, 'is not a SQLite database', 'name another file with --db'],
  [/^SQLITE_CORRUPT/, 'is damaged', 'restore a copy, or save what is readable with `sqlite3 FILE .recover`'],
  [/^SQLITE_FULL/, 'could not grow: the disk is full', 'free some space and start again; what was committed is safe'],
  [
    /^SQLITE_(READONLY|CANTOPEN|PERM|AUTH)/,
    'cannot be opened or written',
    'check the permissions of the file and of its folder, or name another with --db',
  ],
  [/^SQLITE_(BUSY|LOCKED)/, 'was locked by another program for too long', 'end that program, or try again'],
  [/^SQLITE_IOERR/, 'could not be read or written by the system', 'check the disk and its free space; what was committed is safe'],
  [/^SQLITE_CONSTRAINT/, 'refused a row', 'this is a defect of what sent it, nothing was stored of it'],
];

/** A StoreError (for a refused row: a FleetError) with a sentence for an error of SQLite; any other error as it is. `doing` names the run or device concerned. */
export function explain(error: unknown, file: string, doing = ''): unknown {
  const found = code(error);
  if (error instanceof FleetError || !found.startsWith('SQLITE')) return error;
  const [, what, next] = SENTENCES.find(([pattern]) => pattern.test(found)) ?? [null, 'could not be used', 'see the reason given'];
  const Kind = found.startsWith('SQLITE_CONSTRAINT') ? FleetError : StoreError;
  return new Kind(`${file} ${what}${doing && ` (${doing})`}: ${next}. [${found}: ${reason(error)}]`, { cause: error });
}
