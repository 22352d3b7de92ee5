import { z } from 'zod';
import { lastLine } from '../src/core/last_words.ts';
import { parsed } from '../src/core/parsed.ts';
import type { Evaluation } from '../src/core/suite.ts';
import { workArguments } from './arguments.ts';
import { type Context, sample } from './launch.ts';
import { provide } from './model.ts';

/** `trit perplexity -o json`. */
const Result = z.object({
  docs: z.int().positive(),
  tokens: z.int().positive(),
  nll: z.number(),
  ppl: z.number().positive(),
  top1: z.number().min(0).max(1).optional(),
  kl: z.number().optional(),
  documents: z.array(z.object({ tokens: z.int().nonnegative(), nll: z.number() })).optional(),
});

/** Longest time of one measurement, in ms. */
const LONGEST = 6 * 3600_000;
/** Stands alone in a line between two documents, and in no text. */
const SEPARATOR = '<|fleet-document|>';

/**
 * Quality in place of speed: perplexity of the suite's documents; beside the parent, where the job has one, agreement and divergence; and the
 * share of right choices. Each is a sample like any other. Throws with trit's sentence where it fails.
 */
export async function evaluate(at: Context, { documents, max_tokens, choices }: Evaluation): Promise<void> {
  const { job, journal } = at;
  const where = { prompt: null, launch: 0, repetition: 0, warmup: false };
  if (job.parent) await provide(at, job.parent);
  journal.write({ kind: 'phase', phase: 'quality', detail: 'documents', done: 0, total: documents.length });
  const text = await perplexity(at, documents, ['--max-tokens', String(max_tokens), ...(job.parent ? ['--against', job.parent.path] : [])]);
  sample(at, 'perplexity', text.ppl, where);
  if (job.parent) {
    if (text.top1 === undefined || text.kl === undefined) throw new Error('trit perplexity told nothing of the parent');
    sample(at, 'top1_agreement', text.top1, where);
    sample(at, 'kl_divergence', Math.max(0, text.kl), where); // of equal models it may be -1e-17
  }
  journal.write({ kind: 'log', text: `${text.docs} documents, ${text.tokens} tokens: perplexity ${text.ppl.toFixed(4)}` });
  journal.sync();
  if (choices.length > 0) sample(at, 'choice_accuracy', await rightChoices(at, choices), where);
  journal.sync();
}

/**
 * Likelihood of whole texts, of which only the endings differ: the difference of two sums is that of the endings. Per token, for long endings
 * are no worse than short ones.
 */
async function rightChoices(at: Context, choices: Evaluation['choices']): Promise<number> {
  at.journal.write({ kind: 'phase', phase: 'quality', detail: 'choices', done: 0, total: choices.length });
  const texts = choices.flatMap(({ begin, endings }) => [begin, ...endings.map((ending) => begin + ending)]);
  const { documents = [] } = await perplexity(at, texts, ['--each']);
  if (documents.length !== texts.length) throw new Error(`trit perplexity told of ${documents.length} documents, and it was given ${texts.length}`);
  const sum = (document: { tokens: number; nll: number } | undefined) => (document ? document.tokens * document.nll : Number.NaN);
  let right = 0;
  let next = 0;
  for (const { endings } of choices) {
    const begin = documents[next];
    const own = documents
      .slice(next + 1, next + 1 + endings.length)
      .map((ending) => (sum(ending) - sum(begin)) / Math.max(1, ending.tokens - (begin?.tokens ?? 0)));
    if (own.indexOf(Math.min(...own)) === 0) right += 1;
    next += 1 + endings.length;
  }
  return right / choices.length;
}

async function perplexity(at: Context, texts: readonly string[], more: readonly string[]): Promise<z.infer<typeof Result>> {
  const { binary, model } = at.job;
  const argv = [binary, 'perplexity', '-m', model.path, '-f', '-', ...workArguments(at.job), '--separator', SEPARATOR, '-o', 'json', ...more];
  const { code, stdout, stderr } = await at.host.exec(argv, { input: texts.join(`\n${SEPARATOR}\n`), timeoutMs: LONGEST, signal: at.signal });
  const result = parsed(Result, stdout);
  if (code === 0 && result) return result;
  throw new Error(`trit perplexity could not be run: ${lastLine(stderr) || `status ${code}, and what it wrote is no result`}`);
}
