import { basename } from 'node:path';
import { z } from 'zod';
import { faultOf } from '../core/bundle.ts';
import { FleetError } from '../core/errors.ts';
import type { JournalEntry } from '../core/journal.ts';
import { slug } from '../core/slug.ts';
import { type ForeignRun, type Incoming, said } from './incoming.ts';

/** Numbers: as such in JSON, as text in SQL. */
const number = z.union([
  z.number(),
  z
    .string()
    .regex(/^-?\d{1,20}(\.\d{1,20})?(e[+-]?\d{1,3})?$/i)
    .transform(Number),
]);
const count = number.pipe(z.int().nonnegative().max(1e9));
const text = z.string().max(1000);
const values = z.array(z.number().positive()).min(1).max(100_000);

/** One result of llama-bench; what else it tells (its settings) becomes the flags of the build. */
const Row = z.looseObject({
  ...{ n_prompt: count, n_gen: count, n_depth: count.optional(), n_threads: count },
  ...{ avg_ns: number.pipe(z.number().positive()), stddev_ns: number.nullish(), avg_ts: number.nullish(), stddev_ts: number.nullish() },
  ...{ samples_ns: values.optional(), samples_ts: values.optional() },
  ...{
    model_filename: text,
    model_type: text.nullish(),
    model_size: number.pipe(z.number().nonnegative()).nullish(),
    model_n_params: number.nullish(),
  },
  ...{ build_commit: text.nullish(), build_number: number.nullish(), compiler: text.nullish(), cpu_info: text.nullish(), gpu_info: text.nullish() },
  test_time: z.string().max(40).nullish(),
});
type Row = z.infer<typeof Row>;

/** Of a result itself or of where it was measured; the others are settings. */
const NO_SETTINGS = new Set([...Object.keys(Row.shape), 'load_ns', 'bytes_per_token', 'gb_per_s', 'output_hash']);

/** Rows of one setting are one run: its tests are the prompts, every repetition is a sample. Throws a FleetError where a row is none of llama-bench. */
export function llamaBenchRuns(file: Incoming, rows: readonly unknown[]): ForeignRun[] {
  const runs = new Map<string, ForeignRun>();
  for (const [i, raw] of rows.entries()) {
    const parsed = Row.safeParse(raw);
    if (!parsed.success) throw new FleetError(`${file.name}: result ${i + 1} is none of llama-bench (${faultOf(parsed.error)}). Nothing was stored.`);
    const row = parsed.data;
    const key = JSON.stringify([settings(row), row.model_filename, row.model_size, row.n_threads, compilerOf(row), row.cpu_info, row.gpu_info]);
    const run = runs.get(key) ?? start(file, row);
    runs.set(key, run);
    run.entries.push(said(raw as object), ...samplesOf(row));
    run.started = Math.min(run.started, timeOf(row, file));
  }
  if (runs.size === 0) throw new FleetError(`${file.name} has no result of llama-bench: run it with -o json, jsonl or sql.`);
  return [...runs.values()];
}

function start(file: Incoming, row: Row): ForeignRun {
  const machine = [row.cpu_info, row.gpu_info]
    .filter(Boolean)
    .join(' ')
    .replace(/\((r|tm)\)/gi, '');
  return {
    device: file.device ?? (slug(machine).slice(0, 60) || 'unknown'),
    ...{ toolchain: 'llama-bench', compiler: compilerOf(row), flags: settings(row) },
    model: file.model ?? basename(row.model_filename.replaceAll('\\', '/')).replace(/\.gguf$/i, ''),
    ...{ suite: 'llama-bench', threads: row.n_threads, started: timeOf(row, file), failure: null },
    entries: row.model_size ? [sample('model_bytes', row.model_size, null, 0)] : [],
  };
}

function compilerOf({ compiler, build_commit, build_number }: Row): string {
  const build = build_commit ? `build ${build_commit}${build_number ? ` (${build_number})` : ''}` : '';
  return [build, compiler].filter(Boolean).join(', ');
}

function settings(row: Row): string {
  const scalar = (value: unknown) => ['string', 'number', 'boolean'].includes(typeof value) && value !== '';
  return Object.entries(row)
    .filter(([name, value]) => !NO_SETTINGS.has(name) && scalar(value))
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
    .slice(0, 8000);
}

function timeOf({ test_time }: Row, { modified }: Incoming): number {
  const time = Date.parse(test_time ?? '');
  return Number.isNaN(time) ? modified : time;
}

/** Every repetition as a rate over the time it took. SQL tells the average alone, and so does the name of its prompt. */
function samplesOf(row: Row): JournalEntry[] {
  const { n_prompt, n_gen, n_depth, samples_ns, avg_ns } = row;
  const test = [n_prompt > 0 ? `pp${n_prompt}` : '', n_gen > 0 ? `tg${n_gen}` : ''].filter(Boolean).join('+');
  const prompt = `${test}${n_depth ? ` at ${n_depth}` : ''}${samples_ns ? '' : ' (average)'}`;
  return (samples_ns ?? [avg_ns]).map((ns, i) => {
    if (n_prompt > 0 && n_gen > 0) return sample('command_time', ns / 1e9, prompt, i); // no rate says what both were
    return n_gen > 0 ? sample('decode_rate', n_gen / (ns / 1e9), prompt, i) : sample('prefill_rate', n_prompt / (ns / 1e9), prompt, i);
  });
}

function sample(metric: 'model_bytes' | 'command_time' | 'decode_rate' | 'prefill_rate', value: number, prompt: string | null, repetition: number) {
  return { kind: 'sample', metric, value, prompt, launch: 0, repetition, warmup: false } as const;
}
