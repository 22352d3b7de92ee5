import Database from 'better-sqlite3';

/** What a database holds of a run. */
export interface Stored {
  status: string;
  message: string | null;
  /** Sequence numbers of its records, the controller's own left out. */
  seqs: Set<number>;
  /** Whether they are 1, 2, 3 ... without a gap. */
  whole: boolean;
  samples: number;
  /** Samples that say the same of the same request as another one. */
  doubled: number;
}

/** Reads the tables as they are. Throws where there is no such run. */
export function stored(file: string, run: string): Stored {
  const db = new Database(file, { readonly: true });
  try {
    const row = db.prepare('SELECT status, message FROM runs WHERE id = ?').get(run) as Pick<Stored, 'status' | 'message'> | undefined;
    if (!row) throw new Error(`there is no run ${run} in ${file}`);
    const seqs = new Set((db.prepare('SELECT seq FROM journal WHERE run = ? AND seq > 0').all(run) as { seq: number }[]).map(({ seq }) => seq));
    const { samples } = db.prepare('SELECT count(*) AS samples FROM samples WHERE run = ? AND seq > 0').get(run) as { samples: number };
    const different = 'SELECT DISTINCT metric, prompt, launch, repetition, warmup, source FROM samples WHERE run = ? AND seq > 0';
    const { kinds } = db.prepare(`SELECT count(*) AS kinds FROM (${different})`).get(run) as { kinds: number };
    return { ...row, seqs, whole: Math.max(0, ...seqs) === seqs.size, samples, doubled: samples - kinds };
  } finally {
    db.close();
  }
}
