import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { type JournalEntry, JournalRecord } from '../src/core/journal.ts';
import { parsed } from '../src/core/parsed.ts';

/**
 * The journal of one run: a file of NDJSON records, appended by one agent. Every record is one write with its newline, so a reader sees
 * whole records; after a crash the file may end in a torn one, which readers ignore and the next writer cuts off.
 */
export class Journal {
  readonly path: string;
  readonly #file: number;
  readonly #onLine: ((line: string) => void) | undefined;
  #bytes: number;
  #seq: number;
  #open = true;

  private constructor(path: string, file: number, bytes: number, seq: number, onLine?: (line: string) => void) {
    this.path = path;
    this.#file = file;
    this.#bytes = bytes;
    this.#seq = seq;
    this.#onLine = onLine;
  }

  /** Opens or makes the file; goes on after its last whole record. onLine gets every line when it is in the file. */
  static open(path: string, onLine?: (line: string) => void): Journal {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o644);
    const { bytes, seq } = lastWhole(file);
    ftruncateSync(file, bytes);
    return new Journal(path, file, bytes, seq, onLine);
  }

  /** Sequence number of the last record; 0 in a new journal. */
  get seq(): number {
    return this.#seq;
  }

  /** Gives the entry its number and clocks and appends it. Throws where the disk does not take it; the file then still ends in a whole record. */
  write(entry: JournalEntry): void {
    const mono = Number(process.hrtime.bigint()) / 1e9;
    const line = JSON.stringify({ seq: this.#seq + 1, wall: Date.now(), mono, ...entry });
    const data = Buffer.from(`${line}\n`);
    try {
      for (let done = 0; done < data.length; ) done += writeSync(this.#file, data, done, data.length - done, this.#bytes + done);
    } catch (error) {
      this.#cutBack();
      const full = (error as NodeJS.ErrnoException).code === 'ENOSPC';
      throw new Error(`${this.path} cannot be written: ${full ? 'the disk of the device is full: make room there' : (error as Error).message}`, {
        cause: error,
      });
    }
    this.#bytes += data.length;
    this.#seq += 1;
    this.#onLine?.(line);
  }

  #cutBack(): void {
    try {
      ftruncateSync(this.#file, this.#bytes);
    } catch {
      // readers ignore a torn end
    }
  }

  /** Brings everything written so far to the disk itself. */
  sync(): void {
    if (this.#open) fsyncSync(this.#file);
  }

  close(): void {
    if (!this.#open) return;
    this.sync();
    this.#open = false;
    closeSync(this.#file);
  }
}

/** Bytes up to the end of the last whole record, and its number. */
function lastWhole(file: number): { bytes: number; seq: number } {
  const data = Buffer.alloc(fstatSync(file).size);
  for (let done = 0; done < data.length; ) {
    const count = readSync(file, data, done, data.length - done, done);
    if (count === 0) break;
    done += count;
  }
  for (let end = data.lastIndexOf(10) + 1; end > 0; ) {
    const begin = end < 2 ? 0 : data.lastIndexOf(10, end - 2) + 1;
    const record = parsed(JournalRecord, data.toString('utf8', begin, end - 1));
    if (record) return { bytes: end, seq: record.seq };
    end = begin;
  }
  return { bytes: 0, seq: 0 };
}
