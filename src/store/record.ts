import type { JournalRecord } from '../core/journal.ts';
import type { Sql } from './sql.ts';
import { packTrace } from './trace.ts';

/** Stores one journal record in its tables. False: the run already has this sequence number, and nothing was done. Call it in a transaction. */
export function insertRecord(sql: Sql, run: string, record: JournalRecord): boolean {
  const { seq, kind, wall, mono, ...data } = record;
  const isNew = sql.run('INSERT INTO journal VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING', run, seq, kind, wall, mono) === 1;
  if (!isNew) return false;
  switch (record.kind) {
    case 'sample': {
      const { metric, value, prompt, launch, repetition, warmup, source = null, scope = null } = record;
      const at = [run, seq, metric, value, prompt, launch, repetition, warmup ? 1 : 0];
      sql.run('INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', ...at, source, scope);
      break;
    }
    case 'series': {
      const { series, unit, prompt, launch, repetition, warmup, times, values, source = null, scope = null } = record;
      const at = [run, seq, series, unit, prompt, launch, repetition, warmup ? 1 : 0];
      sql.run(
        'INSERT INTO series VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
        ...at,
        times.length,
        values.length,
        packTrace(times, values),
        source,
        scope,
      );
      break;
    }
    case 'output': {
      const { prompt, launch, repetition, hash, text, tokens } = record;
      sql.run('INSERT INTO outputs VALUES (?, ?, ?, ?, ?, ?, ?, ?)', run, seq, prompt, launch, repetition, hash, text, tokens);
      break;
    }
    case 'flag':
      raiseFlag(sql, run, record.flag, record.evidence);
      insertEvent(sql, run, seq, kind, data);
      break;
    default:
      insertEvent(sql, run, seq, kind, data);
  }
  return true;
}

/** The same flag with the same evidence is one row. */
export function raiseFlag(sql: Sql, run: string, flag: string, evidence: string): void {
  sql.run('INSERT INTO flags VALUES (?, ?, ?) ON CONFLICT DO NOTHING', run, flag, evidence);
}

function insertEvent(sql: Sql, run: string, seq: number, kind: string, data: object): void {
  sql.run('INSERT INTO events VALUES (?, ?, ?, ?)', run, seq, kind, JSON.stringify(data));
}
