import type { JournalEntry } from '../../core/journal.ts';
import { follow } from '../../core/power_trace.ts';
import type { Reading, Source } from '../../core/source.ts';

/** Seconds between two pieces of a trace that are handed on: a controller that is killed loses no more. */
const PIECE = 15;

export interface MeterOptions {
  /** Seconds of the run at a moment of this clock (s since 1970); null as long as it is not known when the run began. */
  runTime(seconds: number): number | null;
  /** Gets what is to be stored. */
  onEntries(entries: JournalEntry[]): void;
}

interface Piece {
  times: number[];
  watts: (number | null)[];
  joules: (number | null)[];
}

/** Seconds since 1970 of a clock that never jumps. */
export function controllerClock(): number {
  return (performance.timeOrigin + performance.now()) / 1000;
}

/** Reads the meters of a device while a run goes on there, and hands their traces on piece by piece. */
export class MeterWatch {
  readonly #options: MeterOptions;
  readonly #sources: readonly Source[];
  readonly #pieces = new Map<Source, Piece>();
  readonly #why = new Map<Source, { count: number; last: string }>();
  readonly #over = new AbortController();
  readonly #loops: Promise<void>[];
  readonly #timer: NodeJS.Timeout;

  constructor(sources: readonly Source[], options: MeterOptions) {
    this.#sources = sources;
    this.#options = options;
    this.#loops = sources.map((source) => follow(source, controllerClock, this.#over.signal, (time, reading) => this.#take(source, time, reading)));
    this.#timer = setInterval(() => this.#flush(), PIECE * 1000);
    options.onEntries(
      sources.map(({ name, scope, detail, period, refresh }) => {
        return { kind: 'sensor', source: name, scope, detail, period, refresh, reader: 'controller', lab: false };
      }),
    );
  }

  /** Ends it, and hands the rest on. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#over.abort();
    await Promise.all(this.#sources.map((source) => source.close()));
    await Promise.all(this.#loops);
    this.#flush();
    const silences = [...this.#why].map(([{ name }, { count, last }]) => `meter ${name} was silent ${count} times, at last: ${last}`);
    this.#options.onEntries(silences.map((text) => ({ kind: 'log', text })));
  }

  #take(source: Source, time: number, reading: Reading): void {
    const { watts, joules, why } = reading;
    if (watts === null && joules === null) {
      this.#why.set(source, { count: (this.#why.get(source)?.count ?? 0) + 1, last: why ?? 'it gave no figure' });
      return;
    }
    const piece = this.#pieces.get(source) ?? { times: [], watts: [], joules: [] };
    this.#pieces.set(source, piece);
    if (piece.times.length > 0 && time - (piece.times.at(-1) as number) < 0.004) return; // thousands a second
    piece.times.push(time);
    piece.watts.push(watts);
    piece.joules.push(joules);
  }

  #flush(): void {
    const entries: JournalEntry[] = [];
    for (const [source, piece] of this.#pieces) {
      if (piece.times.some((time) => this.#options.runTime(time) === null)) continue; // the run has not begun: later
      this.#pieces.delete(source);
      for (const [series, unit, all] of [
        ['power', 'W', piece.watts],
        ['energy', 'J', piece.joules],
      ] as const) {
        const kept = all.flatMap((value, i) => (value === null ? [] : [{ time: this.#options.runTime(piece.times[i] as number) as number, value }]));
        if (kept.length === 0) continue;
        const { name, scope } = source;
        const where = { prompt: null, launch: 0, repetition: 0, source: name, scope };
        entries.push({ kind: 'series', series, unit, ...where, times: kept.map(({ time }) => time), values: kept.map(({ value }) => value) });
      }
    }
    if (entries.length > 0) this.#options.onEntries(entries);
  }
}
