/**
 * Places for channels on one connection: OpenSSH allows 10 sessions (MaxSessions), other servers fewer. Those beyond the limit wait, in
 * order, for a short-lived one to end.
 */
export class Channels {
  #limit: number;
  #taken = 0;
  #lasting = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit = 8) {
    this.#limit = limit;
  }

  /** Resolves when there is a place, which the caller gives back; or when only lasting channels are open: then the server may say no. */
  async enter(): Promise<void> {
    while (this.#taken >= this.#limit && this.#taken > this.#lasting) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#taken++;
  }

  /** The server has opened the channel. A lasting one belongs to a program that runs on and on. */
  opened(lasting: boolean): void {
    if (!lasting) return;
    this.#lasting++;
    this.#wake();
  }

  /** An opened channel has ended. */
  closed(lasting: boolean): void {
    if (lasting) this.#lasting--;
    this.leave();
  }

  /** The server opened no channel: keep to as many as it does. False where there is no short-lived one to wait for. */
  refused(): boolean {
    this.leave();
    this.#limit = Math.max(1, Math.min(this.#limit, this.#taken));
    return this.#taken > this.#lasting;
  }

  /** Gives a place back that was not used. */
  leave(): void {
    this.#taken--;
    this.#wake();
  }

  #wake(): void {
    this.#waiting.shift()?.();
  }
}
