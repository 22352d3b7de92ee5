import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

/** This process, named as src/core/alive.ts does: id, start time, boot. */
export function identity(): string {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return '';
    }
  };
  const stat = read('/proc/self/stat');
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return `${process.pid} ${start ?? '-'} ${read('/proc/sys/kernel/random/boot_id').trim() || '-'}`;
}
