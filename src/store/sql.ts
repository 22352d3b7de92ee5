import type Database from 'better-sqlite3';
import { explain, openFile } from './file.ts';

/** An open database file: prepared statements made once, short transactions, errors as sentences. */
export class Sql {
  readonly path: string;
  readonly #db: Database.Database;
  readonly #statements = new Map<string, Database.Statement>();

  constructor(path: string, options: { readonly?: boolean } = {}) {
    this.path = path;
    this.#db = openFile(path, options);
  }

  /** First row, or undefined. */
  get<Row>(text: string, ...values: unknown[]): Row | undefined {
    return this.#statement(text).get(...values) as Row | undefined;
  }

  all<Row>(text: string, ...values: unknown[]): Row[] {
    return this.#statement(text).all(...values) as Row[];
  }

  /** Runs a statement that changes rows; returns how many. */
  run(text: string, ...values: unknown[]): number {
    return this.#statement(text).run(...values).changes;
  }

  /** One transaction that writes: it takes the writer's lock first (waiting for its turn), and on any error nothing of it remains. */
  write<Result>(doing: string, action: () => Result): Result {
    return this.#explained(doing, () => this.#db.transaction(action).immediate());
  }

  /** One transaction that reads: all its queries see the same moment. */
  read<Result>(doing: string, action: () => Result): Result {
    return this.#explained(doing, () => this.#db.transaction(action).deferred());
  }

  /** A statement that no transaction can hold, such as VACUUM, or a PRAGMA. */
  outside(doing: string, text: string, ...values: unknown[]): void {
    this.#explained(doing, () => (values.length > 0 ? void this.#db.prepare(text).run(...values) : void this.#db.exec(text)));
  }

  close(): void {
    this.#db.close();
  }

  #statement(text: string): Database.Statement {
    const known = this.#statements.get(text);
    if (known) return known;
    const made = this.#db.prepare(text);
    this.#statements.set(text, made);
    return made;
  }

  #explained<Result>(doing: string, action: () => Result): Result {
    try {
      return action();
    } catch (error) {
      throw explain(error, this.path, doing);
    }
  }
}
