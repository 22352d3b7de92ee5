import { z } from 'zod';
import type { Memory } from '../core/contest.ts';
import { FleetError } from '../core/errors.ts';
import { lastWords, launch } from './launch.ts';

const LIMITS = z.object({
  cache_bytes: z.number(),
  exceeds_cache: z.boolean(),
  bandwidth: z.array(z.object({ threads: z.number(), gb_per_s: z.number().positive() })),
});

/** What reading memory gives with one thread and with so many, as trit measures it; no rates where only a cache could be measured. */
export async function measureMemory(trit: string, threads: number, signal?: AbortSignal): Promise<Memory> {
  const ended = await launch(trit, ['kernels', '--kernel', 'none', '--rounds', '9', '-t', String(threads), '-o', 'json'], { signal });
  if (ended.code !== 0) throw new FleetError(`trit kernels ${lastWords(ended)}`);
  const { bandwidth, cache_bytes, exceeds_cache } = LIMITS.parse(JSON.parse(ended.stdout));
  const rates = exceeds_cache ? bandwidth.map((row) => ({ threads: row.threads, rate: row.gb_per_s * 1e9 })) : [];
  return { cache: cache_bytes, rates };
}
