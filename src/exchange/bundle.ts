import { createHash, type Hash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { BUNDLE_VERSION, type BundleLine, bundleLine, faultOf } from '../core/bundle.ts';
import { FleetError, reason } from '../core/errors.ts';
import { plainJson } from '../core/plain.ts';
import type { Incoming } from './incoming.ts';

/** Bytes of text that a bundle may hold: it is made and read in memory. */
const MOST = 512 * 2 ** 20;

/** Lines that are of no run: the one before them is whole. */
const BETWEEN: readonly BundleLine['line'][] = ['run', 'rerun', 'comparison', 'baseline'];

/** Puts lines together as a file: what closes runs and the whole is added here. */
export class BundleWriter {
  readonly #parts: Buffer[] = [];
  readonly #whole = createHash('sha256');
  #bytes = 0;
  #lines = 0;
  #run: { id: string; lines: number; hash: Hash } | null = null;

  /** Throws a FleetError where the file would be too large to be read back. */
  add(line: BundleLine): void {
    if (BETWEEN.includes(line.line)) this.#close();
    if (line.line === 'run') this.#run = { id: line.id, lines: 0, hash: createHash('sha256') };
    const text = this.#write(line);
    if (!this.#run) return;
    this.#run.hash.update(text);
    this.#run.lines++;
  }

  /** The file, compressed: the same lines give the same bytes. */
  end(): Buffer {
    this.#close();
    this.#write({ line: 'end', lines: this.#lines, sha256: this.#whole.digest('hex') }, false);
    return gzipSync(Buffer.concat(this.#parts), { level: 9 });
  }

  #close(): void {
    const run = this.#run;
    this.#run = null;
    if (run) this.#write({ line: 'done', run: run.id, lines: run.lines, sha256: run.hash.digest('hex') });
  }

  #write(line: BundleLine, counted = true): string {
    const text = `${plainJson(line)}\n`;
    const part = Buffer.from(text);
    this.#bytes += part.length;
    if (this.#bytes > MOST) throw new FleetError('One bundle cannot hold so many runs: export them in parts, with --since, --device or --limit.');
    this.#parts.push(part);
    this.#lines++;
    if (counted) this.#whole.update(part);
    return text;
  }
}

export function isBundle(bytes: Buffer): boolean {
  return (bytes[0] === 0x1f && bytes[1] === 0x8b) || bytes.subarray(0, 16).toString('latin1') === '{"line":"bundle"';
}

/** The lines of a bundle, each checked, and all that closes runs and file: whatever is cut off or changed is a FleetError. */
export function* bundleLines({ name, bytes }: Pick<Incoming, 'name' | 'bytes'>): Generator<BundleLine> {
  const whole = createHash('sha256');
  let at = 0;
  let run: { lines: number; hash: Hash } | null = null;
  let ended = false;
  for (const raw of rawLines(unpacked(name, bytes))) {
    at++;
    const fault = (what: string) => new FleetError(`${name} is no whole bundle: line ${at}: ${what}. Nothing of it was stored; ask for it again.`);
    if (ended) throw fault('something stands behind its end');
    const line = parsed(raw, fault);
    if (line.line === 'bundle' && line.version > BUNDLE_VERSION)
      throw new FleetError(`${name} was exported by a newer fleet (bundle version ${line.version}, this one reads ${BUNDLE_VERSION}): update fleet.`);
    if ((at === 1) !== (line.line === 'bundle')) throw fault('a bundle begins with one line that says so');
    if (line.line === 'end') {
      if (line.lines !== at - 1 || line.sha256 !== whole.digest('hex')) throw fault('the lines before it are not those that were exported');
      ended = true;
    } else {
      whole.update(raw).update('\n');
      if (line.line === 'run') run = { lines: 0, hash: createHash('sha256') };
      if (line.line === 'done') {
        if (run?.lines !== line.lines || run.hash.digest('hex') !== line.sha256) throw fault(`run ${line.run} is not as it was exported`);
        run = null;
      }
      run?.hash.update(raw).update('\n');
      if (run) run.lines++;
    }
    yield line;
  }
  if (!ended) throw new FleetError(`${name} is no whole bundle: its end is missing after line ${at}. Nothing of it was stored; copy it again.`);
}

function unpacked(name: string, bytes: Buffer): Buffer {
  if (bytes[0] !== 0x1f) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: MOST });
  } catch (error) {
    const why = (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE' ? `it unpacks to more than ${MOST / 2 ** 20} MiB` : reason(error);
    throw new FleetError(`${name} cannot be unpacked: ${why}. Nothing of it was stored; copy or export it again.`, { cause: error });
  }
}

function* rawLines(text: Buffer): Generator<Buffer> {
  for (let at = 0; at < text.length; ) {
    const found = text.indexOf(0x0a, at);
    const end = found < 0 ? text.length : found;
    yield text.subarray(at, end);
    at = end + 1;
  }
}

function parsed(raw: Buffer, fault: (what: string) => FleetError): BundleLine {
  try {
    return bundleLine(JSON.parse(raw.toString('utf8')));
  } catch (error) {
    throw fault(error instanceof SyntaxError ? 'it is no JSON' : faultOf(error));
  }
}
