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

  /** Resolves with true when there is a place, which the caller gives back by `leave`; with false where waiting would never end. */
  async enter(): Promise<boolean> {
    while (this.#taken >= this.#limit) {
      if (this.#lasting >= this.#limit) return false;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#taken++;
    return true;
  }

  /** The server has opened the channel. A lasting one belongs to a program that runs on and on. */
  opened(lasting: boolean): void {
    if (lasting) this.#lasting++;
    if (this.#lasting >= this.#limit) this.#wake(this.#waiting.length);
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
    this.#wake(1);
  }

  #wake(count: number): void {
    for (const resolve of this.#waiting.splice(0, count)) resolve();
  }
}
