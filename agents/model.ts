import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, Twin } from '../src/core/job.ts';
import { lastLine } from '../src/core/last_words.ts';
import type { Context } from './launch.ts';

/** Sees to it that a model of the job is there: a twin is made where it is absent, a file must have been sent. */
export async function provide(at: Context, model: Job['model'] = at.job.model): Promise<void> {
  at.journal.write({ kind: 'phase', phase: 'model', detail: model.name });
  if (model.synth) await makeTwin(at, model.synth, model.path);
  else if (!(await exists(at, model.path))) throw new Error(`the model ${model.path} is not on the device; send it there first`);
  at.journal.sync();
}

/**
 * Makes a twin at `path` unless one is there. trit looks whether the disk has room for it, writes it to `<path>.part`, which has its full
 * size from the beginning, and moves it into place when it is whole. Throws with trit's sentence where that fails.
 */
export async function makeTwin(at: Context, recipe: Twin, path: string): Promise<void> {
  if (await exists(at, path)) return;
  const { host, job, journal, signal } = at;
  const folder = path.slice(0, path.lastIndexOf('/')) || '/';
  const made = await host.exec(['mkdir', '-p', folder]);
  if (made.code !== 0) throw new Error(`the folder ${folder} could not be made: ${made.stderr.trim()}`);
  const { preset, type, head, seed } = recipe;
  const maker = await host.spawn([job.binary, 'synth', '--preset', preset, '--type', type, '--head', head, '--seed', String(seed), '-o', path]);
  maker.end();
  const stop = () => maker.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const watched = new AbortController();
  const watching = report(at, path, watched.signal);
  try {
    const { code, stderr } = await maker.exited;
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`${path} could not be made: ${lastLine(stderr) || `trit synth ended with status ${code}`}`);
  } finally {
    signal.removeEventListener('abort', stop);
    watched.abort();
    await watching;
  }
  journal.sync();
}

/** Bytes on disk and in all, every second. */
async function report(at: Context, path: string, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await sleep(1000, undefined, { signal: over }).catch(() => {});
    if (over.aborted) return;
    const { stdout } = await at.host.exec(['stat', '-c', '%b %s', `${path}.part`]).catch(() => ({ stdout: '' }));
    const found = /^(\d+) (\d+)$/.exec(stdout.trim());
    if (!found) continue;
    const total = Number(found[2]);
    const done = Math.min(Number(found[1]) * 512, total);
    at.journal.write({ kind: 'phase', phase: 'model', detail: path.slice(path.lastIndexOf('/') + 1), done, total });
  }
}

async function exists(at: Context, path: string): Promise<boolean> {
  return (await at.host.exec(['test', '-f', path])).code === 0;
}
