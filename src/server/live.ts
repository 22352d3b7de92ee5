import type { Request, Response } from 'express';
import { reason } from '../core/errors.ts';
import type { Changes, StoreReader } from '../core/store.ts';

/** Pages that may follow at once. */
const MOST = 50;
/** Milliseconds between two signs of life: proxies drop streams that are silent for long. */
const HEARTBEAT = 15_000;

/**
 * GET /api/live: the progress of runs of any process, as server-sent events. One look at the database serves all who follow, and nobody
 * looks while nobody follows. Every event is `runs` with {"runs": [RunProgress]}; the first one has all runs that are not over.
 */
export class Live {
  readonly #store: StoreReader;
  readonly #poll: number;
  readonly #followers = new Set<Response>();
  #cursor = 0;
  #looking: NodeJS.Timeout | undefined;
  #beating: NodeJS.Timeout | undefined;

  constructor(store: StoreReader, poll: number) {
    this.#store = store;
    this.#poll = poll;
  }

  /** Answers a request with the stream. */
  follow(request: Request, response: Response): void {
    if (this.#followers.size >= MOST) {
      response.status(503).json({ error: `${MOST} pages follow already: close one of them, then load this one again.` });
      return;
    }
    const now = this.#store.unfinishedNow();
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    response.write('retry: 2000\n\n');
    send(response, now.runs);
    response.on('close', () => this.#leave(response));
    response.on('error', () => this.#leave(response));
    if (this.#followers.size === 0) this.#begin(now.cursor);
    this.#followers.add(response);
  }

  /** Ends all streams. */
  close(): void {
    for (const response of [...this.#followers]) {
      response.end();
      this.#leave(response);
    }
  }

  #begin(cursor: number): void {
    this.#cursor = cursor;
    this.#looking = setInterval(() => this.#look(), this.#poll);
    this.#beating = setInterval(() => this.#all((follower) => void follower.write(': still here\n\n')), HEARTBEAT);
  }

  #leave(response: Response): void {
    if (!this.#followers.delete(response) || this.#followers.size > 0) return;
    clearInterval(this.#looking);
    clearInterval(this.#beating);
  }

  #look(): void {
    try {
      const { cursor, runs } = this.#store.changedSince(this.#cursor);
      this.#cursor = cursor;
      if (runs.length > 0) this.#all((follower) => send(follower, runs));
    } catch (error) {
      // The next look may succeed: a database that is busy now is free in a moment.
      this.#all((follower) => void follower.write(`event: problem\ndata: ${JSON.stringify({ error: reason(error) })}\n\n`));
    }
  }

  /** A follower that does not read is cut off rather than collected for; its page comes back and begins anew. */
  #all(act: (follower: Response) => void): void {
    for (const follower of [...this.#followers]) {
      if (follower.writableLength > 1 << 20) follower.destroy();
      else act(follower);
    }
  }
}

function send(response: Response, runs: Changes['runs']): void {
  response.write(`event: runs\ndata: ${JSON.stringify({ runs })}\n\n`);
}
