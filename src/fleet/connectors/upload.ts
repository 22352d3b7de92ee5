import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type Readable, Transform } from 'node:stream';
import { sha256On } from '../../core/device_file.ts';
import { FleetError, reason } from '../../core/errors.ts';
import type { ExecResult, Host } from '../../core/host.ts';
import { lastWords } from '../../core/last_words.ts';
import { sha256Of } from '../checksum.ts';
import { freeBytes } from '../disk.ts';

/** What a program is given to read: text, or a stream that may fail. */
export type Input = string | Readable;

/** A Host that also feeds a stream to a program. */
export interface Carrier extends Host {
  readonly device: { readonly id: string };
  run(argv: readonly string[], input: Input): Promise<ExecResult>;
}

type Progress = (done: number, total: number) => void;

/**
 * Sends a file through `cat` into <remote>.part and renames it when all its bytes are there. A part left by a cut link is gone on with
 * where it is a beginning of this file; otherwise it is written anew. Where another controller writes the same part, ours gets a name of its own.
 */
export async function uploadThrough(link: Carrier, local: string, remote: string, options: { mode?: number; onProgress?: Progress }): Promise<void> {
  const shared = `${remote}.part`;
  let part = shared;
  const total = await stat(local).then(
    (info) => info.size,
    (error: unknown) => {
      throw new FleetError(`${local} cannot be sent: ${reason(error)}`, { cause: error });
    },
  );
  let offset = await beginning(link, local, part, total);
  const mode = options.mode ?? 0o644;
  // The session of the cut link may still hold the part open, and a program that somebody may write cannot be started (ETXTBSY): a copy of it can.
  const copied = offset > 0 && (mode & 0o111) !== 0;
  for (;;) {
    const size = await send(link, local, part, offset, total, options.onProgress);
    if (size === total) break;
    if (part !== shared) throw failed(link, remote, `${size} of ${total} bytes have arrived; look at its disk, then run it again`);
    // Bytes of an earlier, cut upload may have arrived meanwhile: once more, from the start. Else somebody else sends the same file.
    if (offset === 0) part = `${shared}-${randomBytes(4).toString('hex')}`;
    offset = 0;
  }
  const copy = copied && part === shared ? 'cp -- "$3" "$1.copy" && mv -f -- "$1.copy" "$3" && ' : '';
  const script = `${copy}chmod "$2" "$3" && mv -f -- "$3" "$1"${part === shared ? '' : ' && rm -f -- "$1.part"'}`;
  const { code, stderr } = await link.exec(['sh', '-c', script, 'sh', remote, mode.toString(8), part]);
  if (code !== 0) throw failed(link, remote, lastWords(stderr, code));
}

/** Bytes already there that agree with the file. */
async function beginning(link: Carrier, local: string, part: string, total: number): Promise<number> {
  const script = `dir=$(dirname -- "$1")
mkdir -p -- "$dir" || exit 1
find "$dir" -maxdepth 1 -name '*.part-*' -type f -mtime +0 -exec rm -f -- {} + >/dev/null 2>&1 # what a controller left that was not alone
[ -f "$1" ] && wc -c < "$1" || echo 0`;
  const { code, stdout, stderr } = await link.exec(['sh', '-c', script, 'sh', part]);
  if (code !== 0) throw failed(link, part, lastWords(stderr, code));
  const size = Number(stdout.trim());
  if (!Number.isSafeInteger(size) || size <= 0 || size > total) return 0;
  const there = await sha256On(link, part).catch(() => null);
  return there !== null && there === (await sha256Of(local, size)) ? size : 0;
}

/** Appends the file from `offset` on; resolves with the size of the part then. */
async function send(link: Carrier, local: string, part: string, offset: number, total: number, onProgress?: Progress): Promise<number> {
  let done = offset;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      done += chunk.length;
      onProgress?.(done, total);
      next(null, chunk);
    },
  });
  onProgress?.(done, total);
  const source = createReadStream(local, { start: offset, highWaterMark: 256 * 1024 });
  source.once('error', (error) => counter.destroy(error));
  counter.once('close', () => source.destroy());
  const script = '[ "$2" -gt 0 ] || : > "$1" && cat >> "$1" && { wc -c < "$1" || echo 0; }';
  const { code, stdout, stderr } = await link.run(['sh', '-c', script, 'sh', part, String(offset)], source.pipe(counter));
  if (code === 0) return Number(stdout.trim());
  if (!/no space left|disk quota/i.test(stderr)) throw failed(link, part, lastWords(stderr, code));
  const free = await freeBytes(link, part);
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  throw failed(
    link,
    part,
    `the disk is full: ${mib(total)} are to be sent${free === null ? '' : `, ${mib(free)} are free`}; make room there, or set \`workdir:\` to another disk`,
  );
}

function failed(link: Carrier, path: string, why: string): FleetError {
  return new FleetError(`device ${link.device.id}: ${path} cannot be written: ${why}`);
}
