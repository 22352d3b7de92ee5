import { setTimeout as sleep } from 'node:timers/promises';
import { sha256On, sizeOn } from '../core/device_file.ts';
import { FleetError, reason } from '../core/errors.ts';
import { lastWords } from '../core/last_words.ts';
import { plain } from '../core/plain.ts';
import type { Connection } from './connection.ts';
import { type Hub, type HubFile, refusal } from './hub.ts';

/**
 * Goes on with `<path>.part` and leaves it there. The token comes on stdin, as a line of curl's or wget's settings, for what stands in an
 * argument can be read by everybody on the device. Status 4: neither program is there.
 */
const SCRIPT = `
mkdir -p "$(dirname "$1")" || exit 5
if command -v curl >/dev/null 2>&1; then
  settings=$(cat)
  get() { printf '%s\\n' "$settings" | curl --config - -fsSL --retry 5 --retry-delay 2 --connect-timeout 30 --speed-limit 1 --speed-time 60 -C - -o "$1.part" -- "$2"; }
  get "$1" "$2"
  status=$?
  if [ $status = 33 ]; then rm -f "$1.part"; get "$1" "$2"; status=$?; fi # a server without ranges
  exit $status
elif command -v wget >/dev/null 2>&1; then
  sed -n 's/^header = "\\(.*\\)"$/header = \\1/p' > "$1.wgetrc" && chmod 600 "$1.wgetrc"
  WGETRC=$1.wgetrc wget -q -c -t 5 -T 60 -O "$1.part" -- "$2"
  status=$?
  rm -f "$1.wgetrc"
  exit $status
else exit 4; fi`;

export interface DeviceFetch {
  connection: Connection;
  file: HubFile;
  hub: Hub;
  /** Where it is to lie there. */
  path: string;
  /** Bytes there and in all. */
  onProgress?: (done: number, total: number) => void;
}

/**
 * Lets a device fetch a file by itself, and proves the hash there. What is there already and has the hash is left alone. Throws a FleetError
 * where it cannot; what came is kept and gone on with by the next call.
 */
export async function fetchOn({ connection, file, hub, path, onProgress }: DeviceFetch): Promise<void> {
  const { id } = connection.device;
  if ((await sha256On(connection, path)) === file.sha256) return;
  if ((await sizeOn(connection, `${path}.part`)) !== file.bytes) await bring({ connection, file, hub, path, onProgress });
  const sha256 = await sha256On(connection, `${path}.part`);
  if (sha256 !== file.sha256) {
    await connection.exec(['rm', '-f', '--', `${path}.part`]);
    throw new FleetError(
      `device ${id}: ${file.url} has the SHA-256 ${sha256 ?? 'of nothing'} there and not ${file.sha256}: it was removed; try another mirror`,
    );
  }
  const moved = await connection.exec(['mv', '-f', '--', `${path}.part`, path]);
  if (moved.code !== 0) throw new FleetError(`device ${id}: ${path} cannot be written: ${reason(moved.stderr.trim())}`);
}

async function bring({ connection, file, hub, path, onProgress }: DeviceFetch): Promise<void> {
  const { id } = connection.device;
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      await sleep(1000, undefined, { signal: over.signal }).catch(() => {});
      if (over.signal.aborted) return;
      onProgress?.(Math.min((await sizeOn(connection, `${path}.part`)) ?? 0, file.bytes), file.bytes);
    }
  })().catch(() => {});
  const settings = hub.token === null ? '' : `header = "Authorization: Bearer ${hub.token.replace(/["\\\s]/g, '')}"\n`;
  try {
    const { code, stderr } = await connection.exec(['sh', '-c', SCRIPT, 'sh', path, file.url], { input: settings });
    if (code === 4) throw new FleetError(`device ${id} has neither curl nor wget to fetch ${file.url} with: install one, or --model-from controller`);
    const why = plain(lastWords(stderr, code));
    if (/\b(401|403)\b/.test(why)) throw new FleetError(`device ${id}: ${file.url}: ${refusal(Number(/\b40[13]\b/.exec(why)?.[0]), hub.token)}`);
    if (code !== 0)
      throw new FleetError(
        `device ${id} could not fetch ${file.url}: ${why}; the next call goes on where it ended, --model-from controller sends it from here`,
      );
  } finally {
    over.abort();
    await watching;
  }
}
