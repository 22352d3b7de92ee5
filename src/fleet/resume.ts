import { readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BORN } from '../core/alive.ts';
import { FleetError } from '../core/errors.ts';
import type { ExecResult } from '../core/host.ts';
import type { RunStatus } from '../core/run.ts';
import type { Connection } from './connection.ts';
import { freeBytes } from './disk.ts';
import { BadJournal, JournalReader, type ReaderOptions } from './journal-reader.ts';
import { Link, type LinkOptions } from './link.ts';

export interface FollowOptions extends ReaderOptions, LinkOptions {
  /** Records up to this sequence number are stored already. */
  afterSeq?: number;
  /** Seconds without a record after which the agent is looked for. */
  silence?: number;
  /** Ends the run on the device and waits for its last record. */
  signal?: AbortSignal;
}

export interface RunOutcome {
  status: Exclude<RunStatus, 'queued' | 'running'>;
  message: string | null;
}

/** Bytes free on a disk, below which an agent that is gone could not write its journal. */
const FULL = 256 * 1024;

/** Marks a journal that lies beside the controller, because its device has no Node. */
export const BESIDE = 'beside:';

// The folder of the run is $1. `state` prints gone, dead or alive.
const STATE = `${BORN}
state() {
  [ -f "$1/journal.ndjson" ] || { echo gone; return; }
  pid= start= at=
  { read -r pid start at < "$1/pid"; } 2>/dev/null
  if [ -n "$pid" ] && [ "$at" = "$boot" ] && [ "$start" = "$(born "$pid")" ]; then echo alive; else echo dead; fi
}
`;
const LOOK = `${STATE}state "$1"`;
const STOP = `${STATE}[ "$(state "$1")" != alive ] || { read -r pid start at < "$1/pid"; kill -TERM "$pid"; }`;
// tail alone would outlive a lost link: cat sees the end of its stdin.
const FOLLOW = 'tail -c "+$2" -f "$1/journal.ndjson" & tail=$!; cat > /dev/null; kill "$tail"';
const REST = 'tail -c "+$2" "$1/journal.ndjson"';

/**
 * Follows the journal of a run from after `afterSeq` to its end, through lost links, hands every record on once, then removes the run's
 * folder on the device. A run whose agent is gone without an `end` record is `interrupted`; its records are kept. Throws a FleetError
 * where the device cannot be reached (the run goes on there) or sends something that is no journal (the run is stopped).
 */
export async function resumeRun(connection: Connection | null, run: string, journal: string, options: FollowOptions): Promise<RunOutcome> {
  if (journal.startsWith(BESIDE)) return readBeside(run, journal.slice(BESIDE.length), options);
  if (!connection) throw new FleetError(`run ${run}: its journal is on the device; connect to it first`);
  return followRun(new Link(connection, options), run, journal, options);
}

/** The same over a link that is there. */
export async function followRun(link: Link, run: string, journal: string, options: FollowOptions): Promise<RunOutcome> {
  // The folder will be removed: it must be the run's own.
  if (!/^[\w-]+$/.test(run) || !journal.startsWith('/') || !journal.endsWith(`/jobs/${run}/journal.ndjson`))
    throw new FleetError(`run ${run}: ${journal} is not its journal`);
  const folder = dirname(journal);
  const reader = new JournalReader(run, options.afterSeq ?? 0, options);
  try {
    const outcome = await link.retry((connection) => followOnce(connection, folder, reader, options));
    await link.retry((connection) => connection.exec(['rm', '-rf', folder]));
    return outcome;
  } catch (error) {
    // What cannot be read must not go on using the device. A link that stays lost is another matter: that run is fetched later.
    if (error instanceof BadJournal) await link.retry((c) => shell(c, STOP, folder)).catch(() => {});
    throw error;
  }
}

async function followOnce(connection: Connection, folder: string, reader: JournalReader, options: FollowOptions): Promise<RunOutcome> {
  const state = async (): Promise<string> => (await shell(connection, LOOK, folder)).stdout.trim();
  const found = await state();
  if (found === 'gone') return interrupted(connection, folder, 'nothing of it is left on the device');
  if (found === 'dead') return endOfDead(connection, folder, reader);
  const tail = await connection.spawn(['sh', '-c', FOLLOW, 'sh', folder, String(reader.offset)]);
  tail.exited.catch(() => {});
  const over = new AbortController();
  let heard = performance.now();
  const reading = (async () => {
    for await (const line of tail.lines) {
      reader.take(line);
      heard = performance.now();
      if (reader.end) return;
    }
  })();
  /** Passes the wish to stop on, once; looks for the agent when nothing is heard. */
  const watching = (async () => {
    let stopped: number | null = null;
    for (;;) {
      await sleep(200, undefined, { signal: over.signal });
      const now = performance.now();
      if (options.signal?.aborted && stopped === null) {
        stopped = now;
        await shell(connection, STOP, folder);
      }
      if (stopped !== null && now - stopped > 20_000) return 'deaf';
      if (now - heard < (options.silence ?? 10) * 1000) continue;
      if ((await state()) !== 'alive') return 'dead';
      heard = now;
    }
  })();
  watching.catch(() => {});
  try {
    const cause = await Promise.race([reading, watching, connection.lost]);
    if (cause === 'deaf') return { status: 'cancelled', message: 'it was told to stop and gave no last record' };
    over.abort();
    tail.end();
    await Promise.race([reading, sleep(2000)]);
    reader.cut();
    if (!reader.end && (await state()) === 'alive') {
      options.onStatus(`device ${connection.device.id}: reading the journal ended early; reading on`);
      await sleep(1000);
      return await followOnce(connection, folder, reader, options);
    }
    if (!reader.end) return await endOfDead(connection, folder, reader);
  } catch (error) {
    reader.cut();
    throw error;
  } finally {
    over.abort();
    tail.end();
    reading.catch(() => {});
  }
  return { status: reader.end.status, message: reader.end.message };
}

/** What a dead agent left: the end of its run, or no more than a part of it. */
async function endOfDead(connection: Connection, folder: string, reader: JournalReader): Promise<RunOutcome> {
  const rest = await connection.spawn(['sh', '-c', REST, 'sh', folder, String(reader.offset)]);
  rest.end();
  rest.exited.catch(() => {});
  try {
    for await (const line of rest.lines) reader.take(line);
  } finally {
    reader.cut(); // its last line may be torn
  }
  return reader.end ? { status: reader.end.status, message: reader.end.message } : interrupted(connection, folder, 'its agent is gone');
}

async function interrupted(connection: Connection, folder: string, why: string): Promise<RunOutcome> {
  const log = await connection.exec(['tail', '-n', '1', `${folder}/agent.log`]).catch(() => null);
  const last = log?.code === 0 ? log.stdout.trim() : '';
  const free = await freeBytes(connection, folder).catch(() => null);
  const full = free !== null && free < FULL ? `; the disk that holds ${folder} is full: make room there` : '';
  return { status: 'interrupted', message: `the run did not come to its end: ${why}${last ? ` (its log ends: ${last.slice(0, 200)})` : ''}${full}` };
}

/** The journal of a run whose controller was its agent: all of it is here. */
async function readBeside(run: string, path: string, options: FollowOptions): Promise<RunOutcome> {
  const reader = new JournalReader(run, options.afterSeq ?? 0, options);
  const owner = await readFile(`${dirname(path)}/pid`, 'utf8').catch(() => '');
  if (await isOwnerAlive(owner)) throw new FleetError(`run ${run} is being made by process ${owner.split(' ')[0]} on this machine; wait for it`);
  const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n');
  lines.pop();
  for (const line of lines) reader.take(line);
  await rm(dirname(path), { recursive: true, force: true });
  if (reader.end) return { status: reader.end.status, message: reader.end.message };
  return { status: 'interrupted', message: 'the run did not come to its end: the controller that made it is gone' };
}

async function isOwnerAlive(owner: string): Promise<boolean> {
  const [pid, start] = owner.trim().split(' ');
  if (!pid) return false;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] === start;
}

function shell(connection: Connection, script: string, ...args: string[]): Promise<ExecResult> {
  return connection.exec(['sh', '-c', script, 'sh', ...args], { timeoutMs: 60_000 });
}
