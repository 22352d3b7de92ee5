import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { Job } from '../../src/core/job.ts';
import { JournalRecord } from '../../src/core/journal.ts';
import { newRunId } from '../../src/core/run.ts';
import type { Suite } from '../../src/core/suite.ts';
import { GOLDEN } from '../../src/fleet/golden.ts';
import { temporaryFolder } from './folder.ts';

const double = fileURLToPath(new URL('trit-double.mjs', import.meta.url));
let bundle: Promise<string> | undefined;

/** The agent as it is sent to devices: one file for Node 18. */
export function agentBundle(): Promise<string> {
  bundle ??= (async () => {
    const outfile = join(temporaryFolder('bundle'), 'agent.mjs');
    const main = fileURLToPath(new URL('../../agents/main.ts', import.meta.url));
    await build({ entryPoints: [main], outfile, bundle: true, platform: 'node', format: 'esm', target: 'node18', logLevel: 'error' });
    return outfile;
  })();
  return bundle;
}

/** A job for the engine's double, which has the fault named; its golden tokens are those the double gives. */
export function doubleJob(workdir: string, fault = '', change: Partial<Job> = {}): Job {
  const binary = join(workdir, fault ? `trit-${fault}` : 'trit');
  symlinkSync(double, binary);
  const synth = { preset: 'tiny', type: 'i2_s', head: 'f16', seed: 1 };
  const prompt = [1, 2, 3];
  return Job.parse({
    id: newRunId(),
    binary,
    workdir,
    model: { name: 'tiny', path: join(workdir, 'models/tiny-i2_s-f16-s1.gguf'), sha256: null, synth },
    golden: {
      synth,
      sha256: createHash('sha256').update('tiny i2_s f16 1\n').digest('hex'),
      prompt,
      tokens: [0, 1, 2, 3].map((i) => (prompt.length * 7 + i * 13 + 1) % 512),
    },
    suite: {
      name: 'double',
      version: 1,
      title: 'for tests',
      model: 'tiny',
      prompts: [
        { id: 'random', random_tokens: 32, max_tokens: 8 },
        { id: 'words', text: 'once upon a time', max_tokens: 8 },
      ],
      warmup: 1,
      repetitions: 3,
    },
    threads: 1,
    cpus: null,
    isa: null,
    context: 256,
    timeout: 20,
    ...change,
  });
}

/** A job for the real engine, as `fleet bench` makes it. */
export function realJob(binary: string, workdir: string, suite: Suite, change: Partial<Job> = {}): Job {
  const { synth } = GOLDEN;
  const path = join(workdir, 'models', `${synth.preset}-${synth.type}-${synth.head}-s${synth.seed}.gguf`);
  const model = { name: synth.preset, path, sha256: null, synth };
  const how = { threads: 2, cpus: null, isa: null, context: 1024, timeout: 60 };
  return Job.parse({ id: newRunId(), binary, workdir, model, golden: GOLDEN, suite, ...how, ...change });
}

/** Every line of a journal must be a record, and their numbers 1, 2, 3 ... */
export function records(text: string): JournalRecord[] {
  const list = text
    .trimEnd()
    .split('\n')
    .map((line) => JournalRecord.parse(JSON.parse(line)));
  for (const [index, record] of list.entries()) if (record.seq !== index + 1) throw new Error(`record ${index + 1} has number ${record.seq}`);
  return list;
}

/** Ids of running processes whose command line holds the text; the text is a path only one test knows. */
export function processesWith(text: string): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,stat=,args='], { encoding: 'utf8' }).split('\n');
  return lines
    .map((line) => /^\s*(\d+) (\S+)\s+(.*)$/.exec(line))
    .filter((found) => found?.[3]?.includes(text) && !found[2]?.startsWith('Z') && Number(found[1]) !== process.pid)
    .map((found) => Number(found?.[1]));
}

/** Waits until it holds; throws what was waited for after `seconds`. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, seconds = 120): Promise<void> {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; ) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited ${seconds} s in vain: ${what}`);
}
