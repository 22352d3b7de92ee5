import { Transform, type TransformCallback } from 'node:stream';
import { lastLine } from '../../core/last_words.ts';
import { commandLine } from './shell.ts';

const MARK = 'fleet-pid:';
const NOISE_KEPT = 64 * 1024; // of what a login shell says before the program starts
const NOISE_LIMIT = 2 ** 20; // more than that is a flood

/** Says its process id and becomes the program, so that the id is the program's. */
const START = `command -v "$1" >/dev/null 2>&1 || { echo "$1: not found" >&2; exit 127; }; echo ${MARK}$$; exec "$@"`;

/** The line for the login shell of the device that starts a program and says its process id before all output. */
export function startLine(argv: readonly string[], env: Record<string, string> = {}): string {
  return `exec ${commandLine(['sh', '-c', START, 'sh', ...argv], env)}`;
}

/** Output of a program started by `startLine`: whatever the login shell said before it is cut off; `flood` is emitted once where that does not end. */
export class Started extends Transform {
  /** null until the program has started, and for good where it did not. */
  pid: number | null = null;
  #before = Buffer.alloc(0);
  #noise = 0;

  /** More came than any login shell has to say. */
  get flooded(): boolean {
    return this.#noise > NOISE_LIMIT;
  }

  /** What came instead of a program's output, for the error message. */
  get noise(): string {
    return lastLine(this.#before.toString('utf8')).slice(0, 80);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.pid !== null) {
      done(null, chunk);
      return;
    }
    this.#before = Buffer.concat([this.#before, chunk]).subarray(-NOISE_KEPT);
    const before = this.flooded;
    this.#noise += chunk.length;
    if (this.flooded && !before) this.emit('flood');
    const text = this.#before.toString('latin1');
    const match = new RegExp(`(?:^|\\n)${MARK}(\\d{1,10})\\n`).exec(text);
    if (!match) {
      done();
      return;
    }
    this.pid = Number(match[1]);
    const rest = this.#before.subarray(match.index + match[0].length);
    this.#before = Buffer.alloc(0);
    this.emit('started');
    done(null, rest);
  }
}
