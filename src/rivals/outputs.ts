import { z } from 'zod';
import type { Agreement } from '../core/contest.ts';
import { FleetError } from '../core/errors.ts';
import type { Engine } from './engine.ts';
import { lastWords, launch } from './launch.ts';

/** A short text in the ids of the small models; as ids they are a text to every vocabulary that is not smaller. */
export const GOLDEN_TOKENS = [
  1, 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267, 337, 410, 408, 419, 292, 411,
];

/** How far two engines may be apart with a model of GOLDEN_LAYERS layers: where all weights are floats, and where activations are int8. */
export const BOUNDS = { float: { rms: 0.005, max: 0.02 }, int8: { rms: 0.08, max: 0.5 } };
const GOLDEN_LAYERS = 2;

/** Roundings of different layers have nothing to do with each other: what they add up to grows with the square root of their number. */
export function boundsOf({ isFloat, layers }: Shape): { rms: number; max: number } {
  const { rms, max } = isFloat ? BOUNDS.float : BOUNDS.int8;
  const growth = Math.sqrt(Math.max(1, layers / GOLDEN_LAYERS));
  return { rms: rms * growth, max: max * growth };
}

/** What of a model decides how exact its outputs are. */
export interface Shape {
  /** All its weights are floats. */
  isFloat: boolean;
  layers: number;
}

/** Root mean square and largest difference of two rows of logits or log probabilities, each taken relative to its own mean. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): { rms: number; max: number } {
  if (a.length !== b.length) throw new FleetError(`rows of ${a.length} and of ${b.length} logits cannot be compared`);
  let shift = 0;
  for (let i = 0; i < a.length; i++) shift += ((a[i] as number) - (b[i] as number)) / a.length;
  let squares = 0;
  let max = 0;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs((a[i] as number) - (b[i] as number) - shift);
    squares += (d * d) / a.length;
    max = Math.max(max, d);
  }
  return { rms: Math.sqrt(squares), max };
}

/** Of rows of several positions. */
export function distanceOfRows(ours: readonly ArrayLike<number>[], theirs: readonly ArrayLike<number>[]): { rms: number; max: number } {
  if (ours.length !== theirs.length || ours.length === 0) throw new FleetError(`${ours.length} and ${theirs.length} rows cannot be compared`);
  const rows = ours.map((row, i) => distance(row, theirs[i] as ArrayLike<number>));
  return {
    rms: Math.sqrt(rows.reduce((sum, row) => sum + row.rms ** 2, 0) / rows.length),
    max: Math.max(...rows.map((row) => row.max)),
  };
}

/** The logits of trit for each of these tokens, one batch. */
export async function tritLogits(trit: string, file: string, tokens: readonly number[], signal?: AbortSignal): Promise<Float64Array[]> {
  const ended = await launch(trit, ['logits', '-m', file, '--tokens', tokens.join(','), '--batch'], { signal });
  if (ended.code !== 0) throw new FleetError(`trit, its logits with ${file}: it ${lastWords(ended)}`);
  return ended.stdout
    .trim()
    .split('\n')
    .map((line) => Float64Array.from(JSON.parse(line).logits as number[]));
}

const INFO = z.object({ keys: z.record(z.string(), z.unknown()), types: z.array(z.object({ type: z.string() })) });

async function shapeOf(trit: string, file: string, signal?: AbortSignal): Promise<Shape> {
  const ended = await launch(trit, ['info', '-m', file, '-o', 'json'], { signal });
  if (ended.code !== 0) throw new FleetError(`trit, about ${file}: it ${lastWords(ended)}`);
  const { keys, types } = INFO.parse(JSON.parse(ended.stdout));
  const layers = Object.entries(keys).find(([key]) => key.endsWith('.block_count'))?.[1];
  return { isFloat: types.every(({ type }) => /^b?f\d+$/.test(type)), layers: typeof layers === 'number' ? layers : 1 };
}

/** Whether a rival computes what we compute, both reading the rival's file. */
export async function agreement(trit: string, rival: Engine, signal?: AbortSignal): Promise<Agreement> {
  const theirs = await rival.logProbabilities(GOLDEN_TOKENS, signal);
  if (!theirs) return { verdict: 'not checked', rms: null, max: null, bounds: null, greedy: null };
  const bounds = boundsOf(await shapeOf(trit, rival.file, signal));
  const ours = await tritLogits(trit, rival.file, GOLDEN_TOKENS, signal);
  const { rms, max } = distanceOfRows(ours, theirs);
  const same = ours.filter((row, i) => greatest(row) === greatest(theirs[i] as Float64Array)).length;
  return { verdict: rms <= bounds.rms && max <= bounds.max ? 'equal' : 'differ', rms, max, bounds, greedy: [same, ours.length] };
}

function greatest(row: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if ((row[i] as number) > (row[best] as number)) best = i;
  return best;
}
