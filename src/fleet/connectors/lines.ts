import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

const HIGH_WATER = 10_000; // lines kept for a slow reader before the source is paused
const LONGEST_LINE = 16 * 2 ** 20; // characters

/**
 * Lines of a stream for one reader, in order and without their newline. Lines that come before the reader does are kept; a reader that
 * falls behind makes the source wait. A last line without newline counts. Throws to the reader what `fail` was given.
 * Where an `ended` is given, the lines end well only if it resolves: an output that stops is not yet a program that ended.
 */
export class LineQueue implements AsyncIterable<string> {
  readonly #lines: string[] = [];
  readonly #decoder = new StringDecoder('utf8');
  readonly #source: Readable;
  #rest = '';
  #ended = false;
  #error: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(source: Readable, ended: Promise<unknown> = Promise.resolve()) {
    this.#source = source;
    const finish = () =>
      void ended.then(
        () => this.#finish(),
        (error: Error) => this.fail(error),
      );
    source.on('data', (chunk: Buffer) => this.#take(this.#decoder.write(chunk)));
    source.once('end', finish);
    source.once('close', finish);
    source.once('error', (error) => this.fail(error));
  }

  /** Ends the lines with an error, after those already there. */
  fail(error: Error): void {
    if (this.#ended) return;
    this.#error = error;
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) {
        if (this.#lines.length === HIGH_WATER / 2 && this.#source.isPaused()) this.#source.resume();
        yield line;
      } else if (this.#ended) {
        if (this.#error) throw this.#error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = null;
      }
    }
  }

  #take(text: string): void {
    if (this.#ended) return;
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    for (const part of parts) this.#lines.push(part);
    if (this.#rest.length > LONGEST_LINE) this.fail(new Error(`a line of output is longer than ${LONGEST_LINE} characters`));
    if (this.#lines.length > HIGH_WATER) this.#source.pause();
    if (parts.length) this.#wake?.();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#rest += this.#decoder.end();
    if (this.#rest) this.#lines.push(this.#rest);
    this.#ended = true;
    this.#wake?.();
  }
}

/** The last `limit` bytes of a stream, as text. */
export function tailOf(source: Readable, limit = 4096): () => string {
  let tail = Buffer.alloc(0);
  source.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-limit);
  });
  return () => tail.toString('utf8');
}
