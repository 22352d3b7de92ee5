/** Ctrl-C (or SIGTERM): once asks to stop, through the signal; twice ends this program at once. */
export class Interrupt {
  readonly #controller = new AbortController();
  readonly #onSignal: () => void;

  /** `sentence` is told when the first one comes. */
  constructor(sentence: string) {
    this.#onSignal = () => {
      if (this.signal.aborted) process.exit(130);
      process.stderr.write(`\nfleet: ${sentence}\n`);
      this.#controller.abort();
    };
    process.on('SIGINT', this.#onSignal);
    process.on('SIGTERM', this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The work's result, or a rejection as soon as the signal comes. */
  async race<T>(work: Promise<T>): Promise<T> {
    let stop = (): void => {};
    const stopped = new Promise<never>((_resolve, reject) => {
      stop = () => reject(this.signal.reason);
      this.signal.addEventListener('abort', stop, { once: true });
      if (this.signal.aborted) stop();
    });
    work.catch(() => {});
    try {
      return await Promise.race([work, stopped]);
    } finally {
      this.signal.removeEventListener('abort', stop);
    }
  }

  release(): void {
    process.off('SIGINT', this.#onSignal);
    process.off('SIGTERM', this.#onSignal);
  }
}
