import { z } from 'zod';
import { FLAG_NAMES, type FlagName } from './flags.ts';
import { METRIC_NAMES, metric } from './metric.ts';
import type { RunSummary } from './run.ts';
import { headline } from './stats.ts';
import { INVALID_FLAGS } from './validity.ts';

/** Something that was told, and what to measure to hold against it: one row of src/data/stories.json. */
export const StoryRow = z.strictObject({
  id: z.string(),
  story: z.string(),
  /** As it was told, and the number in it, in the base unit of the metric; of a row with `over`, a ratio. */
  theirs: z.string(),
  value: z.number().positive(),
  metric: z.enum(METRIC_NAMES),
  model: z.string(),
  suite: z.string(),
  /** The figure is that of `model` divided by that of this model. */
  over: z.string().optional(),
  /** Only runs of this device. */
  device: z.string().optional(),
  /** A class of device for which the decode rate is predicted, too. */
  profile: z.string().optional(),
  /** Flags that belong to the story. */
  accept: z.array(z.enum(FLAG_NAMES)).default([]),
  note: z.string().optional(),
  /** How to measure it again. */
  command: z.string(),
});
export type StoryRow = z.infer<typeof StoryRow>;

/** What is here for a row. */
export interface Told {
  value: number;
  device: string;
  run: string;
  /** Better than theirs. */
  beaten: boolean;
  /** By which factor; over 1 is better. */
  factor: number;
  emulated: boolean;
}

/** The newest run that counts for a row, and its figure; null where there is none. `runs`: newest first. */
export function toldBy(row: StoryRow, runs: readonly RunSummary[]): Told | null {
  const counts = (run: RunSummary, model: string) =>
    run.status === 'ok' &&
    run.model === model &&
    run.suite === row.suite &&
    (row.device === undefined || run.device === row.device) &&
    run.metrics[row.metric] !== undefined &&
    run.flags.every((flag) => flag === 'emulated' || row.accept.includes(flag) || !INVALID_FLAGS.includes(flag as FlagName));
  const figure = (run: RunSummary) => headline(row.metric, run.metrics[row.metric] as NonNullable<RunSummary['metrics'][typeof row.metric]>);
  const beside = (run: RunSummary) =>
    runs.find((other) => counts(other, row.over as string) && other.device === run.device && other.threads === run.threads);
  for (const run of runs) {
    if (!counts(run, row.model)) continue;
    const other = row.over === undefined ? null : beside(run);
    if (other === undefined) continue;
    const value = other === null ? figure(run) : figure(run) / figure(other);
    const higher = metric(row.metric).better === 'higher';
    const factor = higher ? value / row.value : row.value / value;
    return { value, device: run.device, run: run.id, beaten: factor > 1, factor, emulated: run.flags.includes('emulated') };
  }
  return null;
}

/**
 * Of a row that asks for a ratio of energies a token: what it would be if both models drew the same power, which is the ratio of their times a
 * token in the newest runs of one device. A prediction, for that power was not measured. Null for other rows, and without such runs.
 */
export function atEqualPower(row: StoryRow, runs: readonly RunSummary[]): { value: number; device: string } | null {
  if (row.metric !== 'energy_per_token' || row.over === undefined) return null;
  const rates = toldBy({ ...row, metric: 'decode_rate' }, runs);
  return rates && { value: 1 / rates.value, device: rates.device };
}
