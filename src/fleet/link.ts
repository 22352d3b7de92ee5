import { setTimeout as sleep } from 'node:timers/promises';
import { FleetError, reason } from '../core/errors.ts';
import type { Connection } from './connection.ts';

export interface LinkOptions {
  /** Makes a new connection to the same device. The caller owns every connection, also those made here. */
  reconnect?: () => Promise<Connection>;
  /** Seconds to go on trying once the link is lost. */
  patience?: number;
  onStatus(sentence: string): void;
  signal?: AbortSignal;
}

/** A connection that is made again when it is lost. */
export class Link {
  readonly #options: LinkOptions;
  #connection: Connection;
  #lost: Promise<unknown>;

  constructor(connection: Connection, options: LinkOptions) {
    this.#options = options;
    this.#connection = connection;
    this.#lost = lostReason(connection);
  }

  get device(): string {
    return this.#connection.device.id;
  }

  /** Does the work, and again from its beginning on a new connection whenever the link was lost under it. Other failures are thrown. */
  async retry<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work(this.#connection);
      } catch (error) {
        // A call on a dying link may reject a moment before the link itself is declared lost.
        const lost = await Promise.race([this.#lost, sleep(500, null)]);
        if (lost === null) throw error;
        await this.#again(lost);
      }
    }
  }

  async #again(lost: unknown): Promise<void> {
    const { reconnect, patience = 600, onStatus, signal } = this.#options;
    const left = `device ${this.device}: ${reason(lost)}`;
    const goesOn = 'a run begun there goes on by itself; the next fleet command fetches it';
    if (!reconnect) throw new FleetError(`${left}; ${goesOn}`);
    onStatus(`${left}; connecting again`);
    const deadline = performance.now() + patience * 1000;
    for (let wait = 250; ; wait = Math.min(wait * 2, 30_000)) {
      try {
        this.#connection = await reconnect();
        this.#lost = lostReason(this.#connection);
        onStatus(`device ${this.device}: connected again`);
        return;
      } catch (error) {
        if (performance.now() + wait > deadline) throw new FleetError(`${left}, and it could not be reached again (${reason(error)}); ${goesOn}`);
      }
      await sleep(wait, undefined, { signal }).catch(() => {
        throw new FleetError(`${left}; stopped before it could be reached again; ${goesOn}`);
      });
    }
  }
}

/** Resolves with the sentence of the loss; the promise never rejects, so that nobody has to watch it. */
function lostReason(connection: Connection): Promise<unknown> {
  return connection.lost.catch((error: unknown) => error ?? 'the link was lost');
}
