import { z } from 'zod';
import type { JournalEntry } from '../core/journal.ts';
import { type ForeignRun, type Incoming, said } from './incoming.ts';

const seconds = z.number().nonnegative();

/** What `hyperfine --export-json` writes. */
export const HyperfineFile = z.looseObject({
  results: z
    .array(
      z.looseObject({
        ...{ command: z.string().min(1).max(60_000), mean: seconds },
        times: z.array(seconds).min(1).max(1_000_000).optional(),
        exit_codes: z.array(z.int().nullable()).max(1_000_000).optional(),
        memory_usage_byte: z.array(z.number().nonnegative()).max(1_000_000).optional(),
        parameters: z.record(z.string().max(200), z.string().max(1000)).optional(),
      }),
    )
    .min(1)
    .max(10_000),
});

/** Each command is one run, each of its runs a sample; the file tells neither machine nor time, so the machine is what the user says. */
export function hyperfineRuns(file: Incoming, { results }: z.infer<typeof HyperfineFile>): ForeignRun[] {
  return results.map((result) => {
    const { command, times, mean, exit_codes = [], memory_usage_byte = [], parameters = {} } = result;
    const failed = exit_codes.filter((code) => code !== 0);
    const threads = Number(/^\d{1,4}$/.exec(parameters.threads ?? '')?.[0] ?? 0);
    const sample = (metric: 'command_time' | 'peak_rss', value: number, repetition: number, prompt: string | null = null): JournalEntry => {
      return { kind: 'sample', metric, value, prompt, launch: 0, repetition, warmup: false };
    };
    return {
      device: file.device ?? 'unknown',
      ...{
        toolchain: 'hyperfine',
        compiler: '',
        flags: Object.entries(parameters)
          .map(([name, value]) => `${name}=${value}`)
          .join(' '),
      },
      ...{ model: file.model ?? 'unknown', suite: command, threads, started: file.modified },
      failure: failed.length > 0 ? `${failed.length} of ${exit_codes.length} runs ended with status ${failed[0] ?? 'unknown (a signal)'}` : null,
      entries: [
        said(result),
        ...(times?.map((time, i) => sample('command_time', time, i)) ?? [sample('command_time', mean, 0, 'average')]),
        ...memory_usage_byte.map((bytes, i) => sample('peak_rss', bytes, i)),
      ],
    };
  });
}
