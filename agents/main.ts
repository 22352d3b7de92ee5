import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Job } from '../src/core/job.ts';
import { lastLine } from '../src/core/last_words.ts';
import { identity } from './beside.ts';
import { nodeHost } from './hosts/node.ts';
import { runJob } from './job.ts';
import { Journal } from './journal.ts';

const HELP = `usage: agent run JOB.json     do a job here and now; its journal is written beside JOB.json
       agent start JOB.json   do it in the background and return at once
       agent stop JOBDIR      end it: what was measured is kept
       agent status JOBDIR    print running, ended or gone
`;

async function main([command, path, ...rest]: string[]): Promise<number> {
  if (command === '--help' || command === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (path === undefined || rest.length > 0) return complain(HELP.trimEnd(), 2);
  switch (command) {
    case 'run':
      return run(resolve(path));
    case 'start':
      return start(resolve(path));
    case 'stop':
      return stop(resolve(path));
    case 'status':
      process.stdout.write(`${runningIn(resolve(path)) ? 'running' : existsSync(join(path, 'journal.ndjson')) ? 'ended' : 'gone'}\n`);
      return 0;
    default:
      return complain(HELP.trimEnd(), 2);
  }
}

/** Exit status 0 where the run ended ok. */
async function run(path: string): Promise<number> {
  const job = readJob(path);
  if (typeof job === 'string') return complain(job, 2);
  const folder = dirname(path);
  const other = await claim(folder);
  if (other !== null) return complain(`process ${other} is doing this job already`, 1);
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  let last = '';
  const journal = Journal.open(join(folder, 'journal.ndjson'), (line) => {
    last = line;
  });
  if (journal.seq > 0) return closeBroken(journal);
  await runJob(nodeHost, job, journal, stop.signal, () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  journal.close();
  return JSON.parse(last).status === 'ok' ? 0 : 1;
}

/** Writes down who does this job; null, or the process that does it already, also one that began at the same moment. */
async function claim(folder: string): Promise<number | null> {
  const path = join(folder, 'pid');
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(path, `${identity()}\n`, { flag: 'wx' });
      return null;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const other = runningIn(folder);
    if (other !== null) return other;
    if (tries < 50 && statSync(path, { throwIfNoEntry: false })?.size === 0)
      await sleep(20); // it is being written
    else rmSync(path, { force: true });
  }
}

/** A job whose agent was killed is not done again under the same id, which would mix two runs: its journal gets its end. */
function closeBroken(journal: Journal): number {
  const message = `the agent was ended from outside after record ${journal.seq}`;
  journal.write({ kind: 'end', status: 'failed', message });
  journal.close();
  return complain(`${message}; give the job a new id to do it again`, 1);
}

/** Safe to do twice, also at once, as a controller does whose link was lost meanwhile: a job that was begun is left alone. */
async function start(path: string): Promise<number> {
  const job = readJob(path);
  if (typeof job === 'string') return complain(job, 2);
  const folder = dirname(path);
  const journal = join(folder, 'journal.ndjson');
  if (existsSync(journal)) return 0;
  mkdirSync(folder, { recursive: true });
  const log = openSync(join(folder, 'agent.log'), 'a');
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'run', path], { detached: true, stdio: ['ignore', log, log], cwd: folder });
  let ended = false;
  child.once('exit', () => {
    ended = true;
  });
  child.once('error', () => {
    ended = true;
  });
  child.unref();
  for (let waited = 0; waited < 30_000 && !existsSync(journal); waited += 20) {
    if (ended && runningIn(folder) === null) return complain(lastLine(readFileSync(join(folder, 'agent.log'), 'utf8')) || 'it ended at once', 1);
    await sleep(20);
  }
  return existsSync(journal) ? 0 : complain('it did not begin within 30 s', 1);
}

async function stop(folder: string): Promise<number> {
  const pid = runningIn(folder);
  if (pid === null) return complain(`nothing is running in ${folder}`, 1);
  process.kill(pid, 'SIGTERM');
  for (let waited = 0; waited < 15_000; waited += 50) {
    if (runningIn(folder) === null) return 0;
    await sleep(50);
  }
  return complain(`process ${pid} does not end`, 1);
}

/** Process id of the agent of this folder while it lives. */
function runningIn(folder: string): number | null {
  try {
    const [pid = '', start, boot] = readFileSync(join(folder, 'pid'), 'utf8').trim().split(' ');
    if (boot !== identity().split(' ')[2]) return null;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[19] === start && fields[0] !== 'Z' ? Number(pid) : null;
  } catch {
    return null;
  }
}

function readJob(path: string): Job | string {
  try {
    const parsed = Job.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    return `${path} is no job: ${issue?.path.join('.')}: ${issue?.message}`;
  } catch (error) {
    return `${path} cannot be read: ${(error as Error).message}`;
  }
}

function complain(sentence: string, status: number): number {
  process.stderr.write(`agent: ${sentence}\n`);
  return status;
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.exitCode = complain(error instanceof Error ? error.message : String(error), 1);
  },
);
