import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BORN } from '../src/core/alive.ts';
import type { Host } from '../src/core/host.ts';
import type { Job } from '../src/core/job.ts';
import { runJob } from './job.ts';
import { Journal } from './journal.ts';

/**
 * The agent for a device without Node: it runs in the controller, reaches the device through `host`, and keeps the journal in a folder
 * here. Every line goes to onLine once it is in the file. Rejects only where the journal cannot be written.
 */
export async function runBeside(host: Host, job: Job, folder: string, onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'pid'), `${identity()}\n`);
  const journal = Journal.open(join(folder, 'journal.ndjson'), onLine);
  try {
    await runJob(host, job, journal, signal);
  } finally {
    journal.close();
  }
}

let known = '';

/**
 * This process, named as src/core/alive.ts does: id, start time, boot. Another process looks, as those who ask later will: where an emulator plays the
 * processor, a process that looks at itself is told something else.
 */
export function identity(): string {
  const script = `${BORN}start=$(born "$1"); echo "$1 \${start:--} $boot"`;
  known ||= execFileSync('sh', ['-c', script, 'sh', String(process.pid)], { encoding: 'utf8' }).trim();
  return known;
}
