import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FleetError, reason } from '../core/errors.ts';
import { quantity } from '../core/format.ts';
import { plain } from '../core/plain.ts';
import { sha256Of } from './checksum.ts';
import { bearing, type Hub, type HubFile, refusal } from './hub.ts';
import { isRunning } from './process.ts';

export interface DownloadOptions {
  /** Bytes here and in all. */
  onProgress?: (done: number, total: number) => void;
  /** Gets a sentence where something went wrong that is tried again. */
  onTrouble?: (sentence: string) => void;
  signal?: AbortSignal;
  /** Times it is tried again without anything new having come (default 6). */
  patience?: number;
  /** Seconds of silence after which a connection is given up (default 60). */
  silence?: number;
  /** Seconds before the first further try (default 1), doubled each time. */
  pause?: number;
}

/** Something that another try may mend. */
class Trouble extends Error {
  readonly wait: number | null;
  constructor(message: string, wait: number | null = null) {
    super(message);
    this.wait = wait;
  }
}

/**
 * Brings a file of known size and hash from a hub to `path`. What came stays in `<path>.<hash>.part` when it is cut off, and is gone on with by
 * the next try or the next call. The file gets its name when its hash is proven. Throws a FleetError with what to do where it cannot be had.
 */
export async function download(file: HubFile, hub: Hub, path: string, options: DownloadOptions = {}): Promise<void> {
  const part = `${path}.${file.sha256.slice(0, 12)}.part`;
  await mkdir(dirname(path), { recursive: true }).catch((error: unknown) => {
    throw new FleetError(`${dirname(path)} cannot be made: ${reason(error)}`);
  });
  const free = await lock(part);
  try {
    await roomFor(file.bytes - (await sizeOf(part)), path);
    await bring(file, hub, part, options);
    options.signal?.throwIfAborted();
    const sha256 = await sha256Of(part);
    if (sha256 !== file.sha256) {
      await rm(part, { force: true });
      throw new FleetError(
        `${file.url} came whole, but its SHA-256 is ${sha256} and not ${file.sha256}: it was removed; pull it again, or from another mirror`,
      );
    }
    const handle = await open(part, 'r');
    await handle.sync().finally(() => handle.close());
    await rename(part, path);
  } finally {
    await free();
  }
}

async function bring(file: HubFile, hub: Hub, part: string, options: DownloadOptions): Promise<void> {
  const { patience = 6, pause = 1, onTrouble, signal } = options;
  let have = await sizeOf(part);
  if (have > file.bytes) {
    await rm(part);
    have = 0;
  }
  let most = have;
  for (let failures = 0; have < file.bytes; ) {
    try {
      await take(file, hub, part, have, options);
    } catch (error) {
      if (signal?.aborted) throw new FleetError(`stopped; ${quantity(await sizeOf(part), 'B')} are kept, and the next call goes on there`);
      if (!(error instanceof Trouble)) throw error;
      have = await sizeOf(part); // less than before where the server takes no ranges
      failures = have > most ? 0 : failures + 1;
      most = Math.max(most, have);
      const what = `${file.url}: ${plain(error.message)}`;
      if (failures > patience)
        throw new FleetError(`${what}; ${failures} tries brought nothing more. ${quantity(have, 'B')} are kept, and the next call goes on there`);
      onTrouble?.(`${what}; going on at ${quantity(have, 'B')}`);
      await sleep(Math.min(60, error.wait ?? pause * 2 ** failures) * 1000, undefined, { signal }).catch(() => {});
      continue;
    }
    have = await sizeOf(part);
  }
}

/** One answer of the server, appended to the part. Throws Trouble where another try may do better. */
async function take(file: HubFile, hub: Hub, part: string, have: number, { onProgress, silence = 60, signal }: DownloadOptions): Promise<void> {
  const cut = new AbortController();
  const stop = () => cut.abort(new Error('stopped'));
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  let heard = performance.now();
  // What came while this process itself stood still is read first.
  const silent = () => setImmediate(() => void (performance.now() - heard >= silence * 999 && cut.abort(new Error(`nothing came for ${silence} s`))));
  let timer = setTimeout(silent, silence * 1000);
  const hear = () => {
    heard = performance.now();
    clearTimeout(timer);
    timer = setTimeout(silent, silence * 1000);
  };
  try {
    const headers: Record<string, string> = { 'accept-encoding': 'identity' };
    if (have > 0) headers.range = `bytes=${have}-`;
    const answer = await bearing(hub)(file.url, { headers, signal: cut.signal });
    hear();
    let at = startOf(answer, file, have, hub);
    const out = createWriteStream(part, { flags: at === 0 ? 'w' : 'a' });
    const ended = new Promise<void>((resolve, reject) => out.once('error', reject).once('close', resolve));
    ended.catch(() => {});
    try {
      for await (const chunk of answer.body ?? []) {
        hear();
        at += chunk.length;
        if (at > file.bytes) break;
        if (!out.write(chunk)) await Promise.race([new Promise<void>((resolve) => out.once('drain', () => resolve())), ended]);
        onProgress?.(at, file.bytes);
      }
    } finally {
      out.end();
      await ended;
    }
    if (at > file.bytes) {
      await rm(part, { force: true });
      throw new FleetError(`${file.url} is longer than the ${file.bytes} bytes it should have: it is another file; what came was removed`);
    }
    if (at < file.bytes) throw new Trouble(`the connection ended after ${at} of ${file.bytes} bytes`);
  } catch (error) {
    if (error instanceof FleetError || error instanceof Trouble) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC') throw new FleetError(`the disk of ${part} is full; make room, and the next call goes on there`);
    if (code === 'EACCES' || code === 'EROFS' || code === 'EIO') throw new FleetError(`${part} cannot be written: ${reason(error)}`);
    throw new Trouble(cut.signal.aborted ? reason(cut.signal.reason) : causeOf(error));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    cut.abort();
  }
}

/** Where in the file an answer begins. Throws where it is no answer to go on with. */
function startOf(answer: Response, file: HubFile, have: number, hub: Hub): number {
  const { status, headers } = answer;
  if (status === 200) return 0; // it takes no ranges: from the start
  if (status === 206 || status === 416) {
    const [, first, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? [];
    if (total !== undefined && total !== '*' && Number(total) !== file.bytes)
      throw new FleetError(`${file.url} has ${total} bytes on the server and should have ${file.bytes}: it is another file; try another mirror`);
    if (status === 416) throw new Trouble(`the server has nothing from byte ${have} on`);
    if (Number(first) === have) return have;
    throw new Trouble(`the server was asked for bytes from ${have} on and sent those from ${first ?? 'nowhere'}`);
  }
  if (status === 401 || status === 403) throw new FleetError(`${file.url}: ${refusal(status, hub.token)}`);
  if (status === 404 || status === 410)
    throw new FleetError(`${file.url} is not there (status ${status}); look at the model's page, or try another mirror`);
  if (status === 429 || status >= 500) throw new Trouble(`the server answered with status ${status}`, secondsOf(headers.get('retry-after')));
  throw new FleetError(`${file.url}: the server answered with status ${status}`);
}

function secondsOf(header: string | null): number | null {
  return header !== null && /^\d{1,4}$/.test(header) ? Number(header) : null;
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : null;
  return cause instanceof Error ? `${reason(error)}: ${reason(cause)}` : reason(error);
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.size ?? 0;
}

async function roomFor(bytes: number, path: string): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  if (bavail * bsize < bytes)
    throw new FleetError(
      `no room for ${path}: ${quantity(bytes, 'B')} are needed and ${quantity(bavail * bsize, 'B')} are free; FLEET_MODELS names another folder`,
    );
}

/** Times that a claim is laid beside another's before it is given up, for of two that come at once both step back. */
const CLAIMS = 5;

/**
 * One writes a part at a time. Each lays a claim under a name of its own and only then looks for others, so that of two that come at once never both
 * go on. The name says the process: a claim is whole from the start, and one whose process is gone is cleared away, which can be no other's. Returns
 * how to free it.
 */
async function lock(part: string): Promise<() => Promise<void>> {
  const claims = `${part}.lock-`;
  for (let tries = 1; ; tries++) {
    const mine = `${claims}${process.pid}-${randomBytes(4).toString('hex')}`;
    await writeFile(mine, '', { flag: 'wx' }).catch((error: unknown) => {
      throw new FleetError(`${mine} cannot be made: ${reason(error)}`);
    });
    const free = () => rm(mine, { force: true });
    const other = await claimant(claims, mine);
    if (other === null) return free;
    await free();
    if (tries === CLAIMS && other === process.pid) throw new FleetError(`${part} is being fetched already`);
    if (tries === CLAIMS) throw new FleetError(`process ${other} is fetching ${part} at this moment; wait for it`);
    await sleep(20 + 80 * Math.random());
  }
}

/** Another living process that claims it, or this one a second time; null where there is none. */
async function claimant(claims: string, mine: string): Promise<number | null> {
  for (const name of await readdir(dirname(claims))) {
    if (!name.startsWith(basename(claims)) || name === basename(mine)) continue;
    const owner = Number.parseInt(name.slice(basename(claims).length), 10);
    if (isRunning(owner)) return owner;
    await rm(join(dirname(claims), name), { force: true });
  }
  return null;
}
