import { setTimeout as sleep } from 'node:timers/promises';
import { FleetError, reason } from '../core/errors.ts';
import type { Connection } from './connection.ts';

export interface LinkOptions {
  /** Makes a new connection to the same device. The caller owns every connection, also those made here. */
  reconnect?: () => Promise<Connection>;
  /** Seconds to go on trying once the link is lost. */
  patience?: number;
  /** What becomes of the work when the device stays away; default: that of a run, which goes on there. */
  otherwise?: string;
  onStatus(sentence: string): void;
  signal?: AbortSignal;
}

const GOES_ON = 'a run begun there goes on by itself; the next fleet command fetches it';

/** A connection that is made again when it is lost. */
export class Link {
  readonly #options: LinkOptions;
  #connection: Connection;

  constructor(connection: Connection, options: LinkOptions) {
    this.#options = options;
    this.#connection = connection;
  }

  /** Does the work, and again from its beginning on a new connection whenever the link was lost under it. Other failures are thrown. */
  async retry<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work(this.#connection);
      } catch (error) {
        const lost = await lossOf(this.#connection);
        if (lost === null) throw error;
        await this.#again(lost);
      }
    }
  }

  async #again(lost: string): Promise<void> {
    const { reconnect, patience = 600, otherwise = GOES_ON, onStatus, signal } = this.#options;
    if (!reconnect) throw new FleetError(`${lost}; ${otherwise}`);
    onStatus(`${lost}; connecting again`);
    const deadline = performance.now() + patience * 1000;
    for (let wait = 250; ; wait = Math.min(wait * 2, 30_000)) {
      try {
        this.#connection = await reconnect();
        onStatus(`device ${this.#connection.device.id}: connected again`);
        return;
      } catch (error) {
        if (performance.now() + wait > deadline) throw new FleetError(`${lost}, and it could not be reached again (${reason(error)}); ${otherwise}`);
      }
      await sleep(wait, undefined, { signal }).catch(() => {
        throw new FleetError(`${lost}; stopped before it could be reached again; ${otherwise}`);
      });
    }
  }
}

/** Why the link is lost, or null where it is not. A call on a dying link may reject a moment before the link itself is declared lost. */
export function lossOf(connection: Connection): Promise<string | null> {
  const lost = connection.lost.catch((error: unknown) => reason(error) || 'the link was lost');
  return Promise.race([lost, sleep(500, null)]);
}
