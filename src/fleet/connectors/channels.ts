/** Places for channels on one connection: OpenSSH allows 10 sessions (MaxSessions); those beyond the limit wait in order. */
export class Channels {
  /** Those held by programs that run on and on. */
  lasting = 0;
  #limit: number;
  #used = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit = 8) {
    this.#limit = limit;
  }

  /** Resolves when there is a place; the caller calls `leave` once when it is done. */
  async enter(): Promise<void> {
    while (this.#used >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#used++;
  }

  leave(): void {
    this.#used--;
    this.#waiting.shift()?.();
  }

  /** The server refused one more channel: keep to what it allows. False where waiting is no use, since no short-lived one is open. */
  shrink(): boolean {
    if (this.#used - 1 <= this.lasting) return false;
    this.#limit = Math.min(this.#limit, this.#used - 1);
    return true;
  }
}
