import type { Request, Response } from 'express';
import { reason } from '../core/errors.ts';
import type { RunSummary } from '../core/run.ts';
import type { RunProgress, StoreReader } from '../core/store.ts';

/** One event: runs that moved, where they are and what is measured of them so far. */
export interface LiveEvent {
  runs: { progress: RunProgress; run: RunSummary | null }[];
}

const EVERY = 400; // ms between looks at the store
const BEAT = 15_000; // ms between comments that keep the connection open
const WATCHERS = 64;
/** Runs in one event: the newest changes, of a store that was filled while nobody looked. */
const BURST = 100;

/** Tells browsers what another process writes to the store, as server-sent events. It looks only while somebody listens. */
export class Live {
  readonly #store: StoreReader;
  readonly #watchers = new Set<Response>();
  #cursor = 0;
  #timer: NodeJS.Timeout | null = null;
  #beat = 0;
  #trouble = '';

  constructor(store: StoreReader) {
    this.#store = store;
  }

  /** Handles GET /api/live. */
  watch(request: Request, response: Response): void {
    if (this.#watchers.size >= WATCHERS) {
      response.status(503).json({ error: 'Too many pages are watching: close some.' });
      return;
    }
    response.status(200).set({ 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    response.flushHeaders();
    response.write('retry: 2000\n\n');
    request.on('close', () => this.#leave(response));
    response.on('error', () => this.#leave(response));
    this.#watchers.add(response);
    this.#sendUnfinished(response);
    this.#timer ??= setInterval(() => this.#look(), EVERY);
  }

  /** Ends every connection. */
  close(): void {
    for (const watcher of this.#watchers) watcher.end();
    this.#watchers.clear();
    this.#rest();
  }

  #leave(response: Response): void {
    this.#watchers.delete(response);
    if (this.#watchers.size === 0) this.#rest();
  }

  #rest(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** What is going on now, for a page that has just been opened; the cursor moves to the present for the first of them. */
  #sendUnfinished(response: Response): void {
    try {
      if (this.#timer === null) this.#cursor = this.#store.changedSince(this.#cursor).cursor;
      const ids = this.#store.runs({ status: ['queued', 'running'], limit: BURST }).map((run) => run.id);
      const moving = new Set(ids);
      const runs = this.#store.changedSince(0).runs.filter((progress) => moving.has(progress.id));
      send(response, 'runs', this.#event(runs));
    } catch (error) {
      send(response, 'trouble', { error: reason(error) });
    }
  }

  #look(): void {
    try {
      const { cursor, runs } = this.#store.changedSince(this.#cursor);
      this.#cursor = cursor;
      this.#trouble = '';
      if (runs.length > 0) this.#sendAll('runs', this.#event(runs.slice(-BURST)));
    } catch (error) {
      if (this.#trouble !== reason(error)) this.#sendAll('trouble', { error: reason(error) });
      this.#trouble = reason(error);
    }
    if (Date.now() - this.#beat > BEAT) {
      this.#beat = Date.now();
      for (const watcher of this.#watchers) watcher.write(': here\n\n');
    }
  }

  #event(moved: readonly RunProgress[]): LiveEvent {
    const known = new Map(moved.length > 0 ? this.#store.runs({ id: moved.map(({ id }) => id) }).map((run) => [run.id, run]) : []);
    return { runs: moved.map((progress) => ({ progress, run: known.get(progress.id) ?? null })) };
  }

  #sendAll(name: string, data: unknown): void {
    for (const watcher of this.#watchers) send(watcher, name, data);
  }
}

/** JSON has no line breaks of its own, so that one event is one data line. A reader that does not keep up is let go. */
function send(response: Response, name: string, data: unknown): void {
  if (response.writableLength > 4 << 20) response.destroy();
  else response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}
