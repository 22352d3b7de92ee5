import { z } from 'zod';
import { lastWords } from '../src/core/last_words.ts';
import { parsed } from '../src/core/parsed.ts';
import type { Context } from './launch.ts';

const Ids = z.array(z.int());

/**
 * A system message of so many tokens for every model: as many of the suite's parts as fit `system_tokens`, counted by the model's own
 * vocabulary. From here on the job has only those.
 */
export async function fitSystem(at: Context): Promise<void> {
  const { system = [], system_tokens: most } = at.job.suite;
  if (most === undefined) return;
  const counts = new Map<number, number>([[0, 0]]);
  let [fits, not] = [0, system.length + 1];
  while (not - fits > 1) {
    const middle = Math.floor((fits + not) / 2);
    const tokens = await countTokens(at, system.slice(0, middle).join('\n'));
    counts.set(middle, tokens);
    if (tokens <= most) fits = middle;
    else not = middle;
  }
  if (fits === 0) throw new Error(`not even the first part of the system message fits into ${most} tokens of ${at.job.model.name}`);
  at.job = { ...at.job, suite: { ...at.job.suite, system: system.slice(0, fits) } };
  at.journal.write({ kind: 'log', text: `system message: ${fits} of ${system.length} parts, ${counts.get(fits)} tokens` });
}

async function countTokens({ host, job, signal }: Context, text: string): Promise<number> {
  const { code, stdout, stderr } = await host.exec([job.binary, 'tokenize', '-m', job.model.path], { input: text, timeoutMs: 300_000, signal });
  const ids = code === 0 ? parsed(Ids, stdout) : null;
  if (ids) return ids.length;
  throw new Error(`trit tokenize could not be run: ${lastWords(stderr, code)}`);
}
