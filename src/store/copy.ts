import { existsSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { FleetError } from '../core/errors.ts';
import { rollUpMissing } from './rollup.ts';
import { Sql } from './sql.ts';

/**
 * A copy of the database in one file, compact and consistent, whoever writes to it meanwhile. With `runs` only these, and the comparisons and
 * baselines all of whose runs they are; devices, facts and builds stay. The file must not exist yet. Throws FleetError, and then there is no file.
 */
export function copyDatabase(sql: Sql, file: string, runs?: readonly string[]): void {
  const place = resolve(file);
  if (existsSync(place)) throw new FleetError(`${file} exists already: name another file, or move it away.`);
  try {
    sql.outside(`copy to ${file}`, 'VACUUM INTO ?', place);
    if (runs) keepOnly(place, runs);
  } catch (error) {
    for (const name of [place, `${place}-wal`, `${place}-shm`]) rmSync(name, { force: true });
    throw error;
  }
}

function keepOnly(file: string, runs: readonly string[]): void {
  const copy = new Sql(file);
  const kept = JSON.stringify(runs);
  const other = (column: string) => `${column} NOT IN (SELECT value FROM json_each(?))`;
  try {
    copy.write('runs that were not asked for', () => {
      copy.outside('copy', 'PRAGMA defer_foreign_keys = ON'); // until this transaction ends
      const broken = copy.all<{ id: string }>(`SELECT DISTINCT comparison AS id FROM launches WHERE ${other('run')}`, kept);
      for (const [table, column] of [
        ['launches', 'comparison'],
        ['comparisons', 'id'],
      ])
        copy.run(`DELETE FROM ${table} WHERE ${column} IN (SELECT value FROM json_each(?))`, JSON.stringify(broken.map(({ id }) => id)));
      copy.run(`DELETE FROM baselines WHERE name IN (SELECT baseline FROM baseline_runs WHERE ${other('run')})`, kept);
      const tables = copy.all<{ name: string }>(
        `SELECT schema.name FROM sqlite_schema AS schema JOIN pragma_table_info(schema.name) AS column ON column.name = 'run' WHERE schema.type = 'table'`,
      );
      for (const { name } of tables) copy.run(`DELETE FROM ${name} WHERE ${other('run')}`, kept);
      copy.run(`DELETE FROM runs WHERE ${other('id')}`, kept);
      copy.run('DELETE FROM standings'); // of runs that are gone, too
      copy.run('UPDATE runs SET rolled = -1');
    });
    rollUpMissing(copy);
    copy.outside('copy', 'VACUUM');
    copy.outside('copy', 'PRAGMA journal_mode = DELETE'); // so that it is one file
  } finally {
    copy.close();
  }
}
