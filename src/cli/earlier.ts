import type { Device } from '../core/device.ts';
import { FleetError, reason } from '../core/errors.ts';
import type { JournalRecord } from '../core/journal.ts';
import type { RunStatus } from '../core/run.ts';
import type { Store } from '../core/store.ts';
import type { Connection } from '../fleet/connection.ts';
import { type FollowOptions, resumeRun } from '../fleet/resume.ts';
import { settleMeters } from './meters.ts';

/** Seconds to go on trying to reach a device whose link was lost. */
const PATIENCE = 600;

export interface Following {
  store: Store;
  device: Device['id'];
  /** After it, a lost link is not made again. */
  signal: AbortSignal;
  reconnect(): Promise<Connection>;
  say(sentence: string): void;
  /** Called for records that are new to the store. */
  onRecord(run: string, device: string, record: JournalRecord): void;
}

/** How a run is followed: every record goes into the store. The run itself is not stopped by the signal. */
export function following(run: string, { store, device, signal, reconnect, say, onRecord }: Following): FollowOptions {
  return {
    afterSeq: store.lastSeq(run),
    reconnect,
    get patience() {
      return signal.aborted ? 0 : PATIENCE;
    },
    onRecord(record) {
      if (store.append(run, record)) onRecord(run, device, record);
    },
    onFlag: (flag, evidence) => store.addFlag(run, flag, evidence),
    onStatus: say,
  };
}

export function finish(store: Store, run: string, status: Exclude<RunStatus, 'queued' | 'running'>, message: string | null): void {
  store.finish(run, status, message, status === 'interrupted' ? ['interrupted'] : []);
}

/**
 * Reads the journals that earlier calls left on a device to their end, and waits for runs that are still being made there. It never stops
 * one: another call may be following it too. Returns how each run ended; one that could not be read on is told and stays unfinished.
 */
export async function finishEarlier(
  connection: Connection,
  by: Following,
): Promise<{ id: string; device: string; status: RunStatus; message: string | null }[]> {
  const { store, device, signal, say } = by;
  const ended = [];
  for (const run of store.unfinished()) {
    if (run.device !== device) continue;
    signal.throwIfAborted();
    say(`${device}: fetching run ${run.id}, which an earlier call began`);
    try {
      const outcome =
        run.journal === null
          ? { status: 'interrupted' as const, message: 'it was never begun' }
          : await resumeRun(connection, run.id, run.journal, following(run.id, by));
      settleMeters(store, run.id);
      finish(store, run.id, outcome.status, outcome.message);
      say(`fleet: run ${run.id}, begun earlier on ${device}: ${outcome.status}${outcome.message ? ` (${outcome.message})` : ''}`);
      ended.push({ id: run.id, device, ...outcome });
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      say(`fleet: run ${run.id}, begun earlier on ${device}, is not finished: ${reason(error)}`);
      ended.push({ id: run.id, device, status: run.status, message: reason(error) });
    }
  }
  return ended;
}
