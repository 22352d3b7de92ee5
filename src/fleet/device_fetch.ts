import { setTimeout as sleep } from 'node:timers/promises';
import { sha256On, sizeOn } from '../core/device_file.ts';
import { FleetError, reason } from '../core/errors.ts';
import { lastWords } from '../core/last_words.ts';
import { plain } from '../core/plain.ts';
import type { Connection } from './connection.ts';
import { type Hub, type HubFile, refusal } from './hub.ts';

/**
 * Goes on with `<path>.part` and leaves it there; it never becomes longer than $3 blocks of 512 bytes, whatever the server sends. The token comes
 * on stdin, as a line of curl's settings, for what stands in an argument can be read by everybody on the device. wget gets none: it would pass it
 * on to every host that it is led to. Status 4: neither program is there; 6: wget alone, and a token.
 */
const SCRIPT = `
mkdir -p "$(dirname "$1")" || exit 5
(ulimit -f "$3") 2>/dev/null && ulimit -f "$3"
if command -v curl >/dev/null 2>&1; then
  settings=$(cat)
  get() { printf '%s\\n' "$settings" | curl --config - -fsSL --retry 5 --retry-delay 2 --connect-timeout 30 --speed-limit 1 --speed-time 60 -C - -o "$1.part" -- "$2"; }
  get "$1" "$2"
  status=$?
  if [ $status = 33 ]; then rm -f "$1.part"; get "$1" "$2"; status=$?; fi # a server without ranges
  exit $status
elif command -v wget >/dev/null 2>&1; then
  [ -z "$(cat)" ] || exit 6
  wget -q -c -t 5 -T 60 -O "$1.part" -- "$2"
else exit 4; fi`;

export interface DeviceFetch {
  connection: Connection;
  file: HubFile;
  hub: Hub;
  /** Where it is to lie there. */
  path: string;
  /** Bytes there and in all. */
  onProgress?: (done: number, total: number) => void;
  /** Seconds before a further try, where the last one brought something or was the first (default 2). */
  pause?: number;
}

/** Times it is tried again without anything new having come. curl and wget themselves try again where a server is busy. */
const PATIENCE = 2;

/**
 * Lets a device fetch a file by itself, and proves the hash there. What is there already and has the hash is left alone. Throws a FleetError
 * where it cannot; what came is kept and gone on with by the next call.
 */
export async function fetchOn(wanted: DeviceFetch): Promise<void> {
  const { connection, file, path } = wanted;
  const { id } = connection.device;
  const part = `${path}.part`;
  if ((await sha256On(connection, path)) === file.sha256) return;
  const have = (await sizeOn(connection, part)) ?? 0;
  if (have > file.bytes) await connection.exec(['rm', '-f', '--', part]);
  if (have !== file.bytes) await bring(wanted);
  const sha256 = await sha256On(connection, part);
  if (sha256 !== file.sha256) {
    await connection.exec(['rm', '-f', '--', part]);
    throw new FleetError(
      `device ${id}: ${file.url} has the SHA-256 ${sha256 ?? 'of nothing'} there and not ${file.sha256}: it was removed; try another mirror`,
    );
  }
  const moved = await connection.exec(['mv', '-f', '--', part, path]);
  if (moved.code !== 0) throw new FleetError(`device ${id}: ${path} cannot be written: ${reason(moved.stderr.trim())}`);
}

/** Tries until all of it is there, as long as each try brings something. */
async function bring(wanted: DeviceFetch): Promise<void> {
  const { connection, file, path, pause = 2 } = wanted;
  const { id } = connection.device;
  const part = `${path}.part`;
  let most = (await sizeOn(connection, part)) ?? 0;
  for (let failures = 0; ; ) {
    const why = await once(wanted);
    const have = (await sizeOn(connection, part)) ?? 0;
    if (have === file.bytes) return;
    if (have > file.bytes) {
      await connection.exec(['rm', '-f', '--', part]);
      throw new FleetError(
        `device ${id}: ${file.url} is longer than the ${file.bytes} bytes it should have: it is another file; what came was removed`,
      );
    }
    failures = have > most ? 0 : failures + 1;
    most = Math.max(most, have);
    if (failures > PATIENCE)
      throw new FleetError(
        `device ${id} could not fetch ${file.url}: ${why ?? `it ended after ${have} of ${file.bytes} bytes`}; the next call goes on where it ended, --model-from controller sends it from here`,
      );
    await sleep(pause * 1000);
  }
}

/** One call of curl or wget. Null: it says that it is done; else why not. Throws where another try cannot do better. */
async function once({ connection, file, hub, path, onProgress }: DeviceFetch): Promise<string | null> {
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
  const blocks = String(Math.floor(file.bytes / 512) + 1);
  try {
    const { code, stderr } = await connection.exec(['sh', '-c', SCRIPT, 'sh', path, file.url, blocks], { input: settings });
    if (code === 0) return null;
    if (code === 4) throw new FleetError(`device ${id} has neither curl nor wget to fetch ${file.url} with: install one, or --model-from controller`);
    if (code === 6)
      throw new FleetError(`device ${id} has only wget, which passes a token on to other hosts: install curl there, or --model-from controller`);
    const why = plain(lastWords(stderr, code));
    const status = Number(/\b(401|403|404|410)\b/.exec(why)?.[0]);
    if (status === 401 || status === 403) throw new FleetError(`device ${id}: ${file.url}: ${refusal(status, hub.token)}`);
    if (status) throw new FleetError(`device ${id}: ${file.url} is not there (status ${status}); look at the model's page, or try another mirror`);
    return why;
  } finally {
    over.abort();
    await watching;
  }
}
