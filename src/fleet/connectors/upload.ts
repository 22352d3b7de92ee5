import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { BORN } from '../../core/alive.ts';
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
 * Sends a file through `cat` and puts it in its place when all its bytes are there. Until then it is <remote>.part-<process that writes it>: whose
 * writer has ended is gone on with where it is a beginning of this file, and what another controller brings at this moment is left alone.
 */
export async function uploadThrough(link: Carrier, local: string, remote: string, options: { mode?: number; onProgress?: Progress }): Promise<void> {
  const total = await stat(local).then(
    (info) => info.size,
    (error: unknown) => {
      throw new FleetError(`${local} cannot be sent: ${reason(error)}`, { cause: error });
    },
  );
  const claimed = `${remote}.part-ours-${randomBytes(4).toString('hex')}`;
  const offset = await beginning(link, local, remote, claimed, total);
  let done = offset;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      done += chunk.length;
      options.onProgress?.(done, total);
      next(null, chunk);
    },
  });
  options.onProgress?.(done, total);
  const source = createReadStream(local, { start: offset, highWaterMark: 256 * 1024 });
  source.once('error', (error) => counter.destroy(error));
  counter.once('close', () => source.destroy());
  const argv = ['sh', '-c', SEND, 'sh', remote, claimed, String(offset), String(total), (options.mode ?? 0o644).toString(8)];
  const { code, stderr } = await link.run(argv, source.pipe(counter));
  if (code === 0) return;
  if (!/no space left|disk quota/i.test(stderr)) throw failed(link, remote, lastWords(stderr, code));
  const free = await freeBytes(link, dirname(remote));
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  throw failed(
    link,
    remote,
    `the disk is full: ${mib(total)} are to be sent${free === null ? '' : `, ${mib(free)} are free`}; make room there, or set \`workdir:\` to another disk`,
  );
}

/**
 * Takes a part that nobody writes any more, and says its size; 0 without one. The writer of a link that was cut a moment ago is waited for; its zombie,
 * where nothing there reaps what lost its parent, is none.
 */
const CLAIM = `${BORN}
mkdir -p -- "$(dirname -- "$1")" || exit 1
find "$(dirname -- "$1")" -maxdepth 1 -name '*.part-*' -type f -mtime +0 -exec rm -f -- {} + >/dev/null 2>&1
for part in "$1".part-*; do
  pid="\${part##*.part-}"
  case "$pid" in '' | *[!0-9]*) continue ;; esac
  for wait in 1 1 1; do [ -n "$(born "$pid")" ] || break; sleep $wait; done
  [ -z "$(born "$pid")" ] || continue
  mv -f -- "$part" "$2" 2>/dev/null && exec wc -c < "$2"
done
echo 0`;

/** Appends its input to the claimed part, or to a new one; whole, it takes its place. Cut short it stays to be gone on with; a disk that is full gets its room back. */
const SEND = `
part="$1.part-$$"
if [ "$3" -gt 0 ]; then mv -f -- "$2" "$part"; else rm -f -- "$2" && : > "$part"; fi || exit 1
cat >> "$part" || { rm -f -- "$part"; exit 1; }
size=$(wc -c < "$part")
[ "$size" -eq "$4" ] || { echo "$size of $4 bytes have arrived; run it again" >&2; exit 1; }
chmod "$5" "$part" && mv -f -- "$part" "$1"`;

/** How many bytes of the file are in the claimed part already. */
async function beginning(link: Carrier, local: string, remote: string, claimed: string, total: number): Promise<number> {
  const { code, stdout, stderr } = await link.exec(['sh', '-c', CLAIM, 'sh', remote, claimed]);
  if (code !== 0) throw failed(link, remote, lastWords(stderr, code));
  const size = Number(stdout.trim());
  if (!Number.isSafeInteger(size) || size <= 0 || size > total) return 0;
  const there = await sha256On(link, claimed).catch(() => null);
  return there !== null && there === (await sha256Of(local, size)) ? size : 0;
}

function failed(link: Carrier, path: string, why: string): FleetError {
  return new FleetError(`device ${link.device.id}: ${path} cannot be written: ${why}`);
}
