import { FleetError } from '../core/errors.ts';
import type { FlagName } from '../core/flags.ts';
import { JournalRecord } from '../core/journal.ts';
import { parsed } from '../core/parsed.ts';

/** What a device sent is no journal: there is no use in following it. */
export class BadJournal extends FleetError {}

/** What one run may send before it is taken for a flood. */
export const LIMITS = { line: 16 << 20, bytes: 1 << 30, garbage: 1000 } as const;

export interface ReaderOptions {
  /** Called once a record, in order; the record is committed when it returns. */
  onRecord(record: JournalRecord): void;
  onFlag(flag: FlagName, evidence: string): void;
  /** Sentences for people. */
  onStatus(sentence: string): void;
}

type EndRecord = Extract<JournalRecord, { kind: 'end' }>;

/**
 * Judges the lines of a run's journal, which come from a device and may hold anything. Each sequence number goes to onRecord once,
 * whatever is sent again after a lost link. A line that is no record raises `journal-damaged`, unless nothing follows it: then it is the
 * torn end of a link or a file and will come whole, or never.
 */
export class JournalReader {
  /** Byte (from 1, as `tail -c +N` counts) from which to read on. */
  offset = 1;
  /** The highest sequence number handed on. */
  seq: number;
  end: EndRecord | null = null;
  readonly #run: string;
  readonly #options: ReaderOptions;
  #suspect: { line: string; offset: number } | null = null;
  #bytes = 0;
  #garbage = 0;

  constructor(run: string, afterSeq: number, options: ReaderOptions) {
    this.#run = run;
    this.seq = afterSeq;
    this.#options = options;
  }

  /** Takes one line without its newline. Throws BadJournal where the journal is a flood or another run's. */
  take(line: string): void {
    const size = Buffer.byteLength(line) + 1;
    this.#bytes += size;
    if (size > LIMITS.line) throw this.#flood(`a line of ${size} bytes`);
    if (this.#bytes > LIMITS.bytes) throw this.#flood(`more than ${LIMITS.bytes} bytes`);
    this.#confirmGarbage();
    const at = this.offset;
    this.offset += size;
    if (this.end) return;
    const record = parsed(JournalRecord, line);
    if (record) this.#accept(record);
    else this.#suspect = { line, offset: at };
  }

  /** The stream was cut: what came without its newline will be read again. */
  cut(): void {
    if (this.#suspect) this.offset = this.#suspect.offset;
    if (this.#garbage > 0) this.offset = 1; // bytes that are no UTF-8 were counted wrongly: read all of it again, records go through once
    this.#suspect = null;
  }

  #accept(record: JournalRecord): void {
    if (record.kind === 'start' && record.job !== this.#run)
      throw new BadJournal(`the journal of run ${this.#run} holds run ${record.job}; its folder on the device was used twice: run it again`);
    if (record.seq <= this.seq) return;
    if (record.seq > this.seq + 1) this.#damaged(`records ${this.seq + 1} to ${record.seq - 1} are missing`);
    this.#options.onRecord(record);
    this.seq = record.seq;
    if (record.kind === 'end') this.end = record;
  }

  #confirmGarbage(): void {
    if (!this.#suspect) return;
    const { line } = this.#suspect;
    this.#suspect = null;
    if (++this.#garbage > LIMITS.garbage) throw this.#flood(`more than ${LIMITS.garbage} lines that are no records`);
    if (this.#garbage <= 3) this.#damaged(`a line that is no record: ${quote(line)}`);
  }

  #damaged(evidence: string): void {
    this.#options.onStatus(`run ${this.#run}: the journal has ${evidence}`);
    this.#options.onFlag('journal-damaged', evidence);
  }

  #flood(what: string): BadJournal {
    return new BadJournal(`run ${this.#run}: the device sent ${what}; this is no journal, the run was given up`);
  }
}

/** The beginning of foreign text, safe to print on a terminal. */
function quote(text: string): string {
  const head = [...text.slice(0, 80)].map((c) => (c < ' ' || (c >= '\x7f' && c <= '\x9f') ? '.' : c)).join('');
  return `"${head}${text.length > 80 ? '…' : ''}"`;
}
