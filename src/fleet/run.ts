import { access, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { FleetError, reason } from '../core/errors.ts';
import type { Facts } from '../core/facts.ts';
import type { Host } from '../core/host.ts';
import type { Job } from '../core/job.ts';
import type { JournalRecord } from '../core/journal.ts';
import { sha256Of } from './checksum.ts';
import type { Connection } from './connection.ts';
import { bring } from './deploy.ts';
import { JournalReader } from './journal-reader.ts';
import { Link, lossOf } from './link.ts';
import { BESIDE, type FollowOptions, followRun, type RunOutcome } from './resume.ts';

/** The agent for devices without Node: it runs in this process and reaches the device through the connection. */
export type Beside = (host: Host, job: Job, folder: string, onLine: (line: string) => void, signal: AbortSignal) => Promise<void>;

export interface RunOptions extends FollowOptions {
  /** The agent's bundle on the controller. */
  agentPath: string;
  /** Needed for devices without Node. */
  beside?: Beside;
  /** Folder on the controller for journals of such devices. */
  home?: string;
}

/** Difference of the clocks, in seconds, beyond which the run gets the flag clock-skew. */
export const CLOCK_SKEW = 2;

/** Where the journal of a run lies: what a later call gives to resumeRun. Known before the run is started, so that it can be stored first. */
export function journalOf(job: Pick<Job, 'id' | 'workdir'>, facts: Pick<Facts, 'node'>, home = '.fleet/jobs'): string {
  return facts.node === null ? `${BESIDE}${resolve(home, job.id)}/journal.ndjson` : `${job.workdir}/jobs/${job.id}/journal.ndjson`;
}

/**
 * Starts a run on a device and follows it to its end: the agent there owns the run and goes on without us. Every record is given to
 * onRecord once; when all are, the journal is removed. Resolves with how the run ended; throws a FleetError where it could not be started
 * or its device was lost for good.
 */
export async function startRun(connection: Connection, facts: Facts, job: Job, options: RunOptions): Promise<RunOutcome> {
  if (facts.clock_offset !== null && Math.abs(facts.clock_offset) > CLOCK_SKEW)
    options.onFlag('clock-skew', `the clock of the device differs by ${facts.clock_offset.toFixed(1)} s`);
  if (facts.node === null) return runBeside(connection, job, options);
  const link = new Link(connection, options);
  const agent = `${job.workdir}/agent.mjs`;
  await link.retry((c) => bringAgent(c, options.agentPath, agent));
  await link.retry((c) => begin(c, facts.node_path ?? 'node', agent, job));
  return followRun(link, job.id, journalOf(job, facts), options);
}

async function bringAgent(connection: Connection, local: string, remote: string): Promise<void> {
  await access(local).catch((error: unknown) => {
    throw new FleetError(`the agent's bundle ${local} cannot be read (${reason(error)}); build it with ./fleet`);
  });
  await bring(connection, { local, name: 'agent.mjs', sha256: await sha256Of(local), mode: 0o644 }, remote);
}

/** Safe to do twice: the agent answers for a job that is there already. */
async function begin(connection: Connection, node: string, agent: string, job: Job): Promise<void> {
  const path = `${job.workdir}/jobs/${job.id}/job.json`;
  await connection.writeFile(path, JSON.stringify(job));
  const started = await connection.exec([node, agent, 'start', path], { timeoutMs: 60_000 });
  if (started.code === 0) return;
  const why = reason(started.stderr.trim()) || `status ${started.code}`;
  throw new FleetError(`device ${connection.device.id}: the agent did not start (${why})`);
}

async function runBeside(connection: Connection, job: Job, options: RunOptions): Promise<RunOutcome> {
  if (!options.beside)
    throw new FleetError(`device ${connection.device.id} has no Node >= 18; install it there, or run the agent beside the controller`);
  const folder = resolve(options.home ?? '.fleet/jobs', job.id);
  let failed: JournalRecord | null = null; // where the link was lost, the run did not fail: it was cut off
  const reader = new JournalReader(job.id, options.afterSeq ?? 0, {
    ...options,
    onRecord(record) {
      if (record.kind === 'end' && record.status === 'failed') failed = record;
      else options.onRecord(record);
    },
  });
  const stop = new AbortController();
  const forward = () => stop.abort();
  options.signal?.addEventListener('abort', forward, { once: true });
  if (options.signal?.aborted) forward();
  let failure: unknown = null;
  const take = (line: string) => {
    try {
      if (failure === null) reader.take(line);
    } catch (error) {
      failure = error;
      stop.abort();
    }
  };
  try {
    await options.beside(connection, job, folder, take, stop.signal);
  } finally {
    options.signal?.removeEventListener('abort', forward);
  }
  if (failure !== null) throw failure;
  if (!reader.end) return { status: 'interrupted', message: `the run did not come to its end; what it left is in ${join(folder, 'journal.ndjson')}` };
  const lost = failed && (await lossOf(connection));
  if (failed && lost === null) options.onRecord(failed);
  await rm(folder, { recursive: true, force: true });
  if (lost === null) return { status: reader.end.status, message: reader.end.message };
  return { status: 'interrupted', message: `${lost}; the device has no Node, so nothing there could go on with the run` };
}
