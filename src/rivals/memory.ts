import { z } from 'zod';
import type { Reading } from '../core/contest.ts';
import { FleetError } from '../core/errors.ts';
import { lastWords, launch } from './launch.ts';

const LIMITS = z.object({
  cache_bytes: z.number(),
  exceeds_cache: z.boolean(),
  bandwidth: z.array(z.object({ threads: z.number(), gb_per_s: z.number().positive() })),
});

/**
 * What reading memory gives with one thread and with so many, as trit measures it; no rates where only a cache could be measured. The ISA is
 * scalar because reading is the same with all, and only the others have instructions whose peak would be measured as well.
 */
export async function measureMemory(trit: string, threads: number, signal?: AbortSignal): Promise<Reading> {
  const args = ['kernels', '--kernel', 'none', '--isa', 'scalar', '--rounds', '9', '-t', String(threads), '-o', 'json'];
  const ended = await launch(trit, args, { signal });
  if (ended.code !== 0) throw new FleetError(`trit kernels ${lastWords(ended)}`);
  const { bandwidth, cache_bytes, exceeds_cache } = LIMITS.parse(JSON.parse(ended.stdout));
  const rates = exceeds_cache ? bandwidth.map((row) => ({ threads: row.threads, rate: row.gb_per_s * 1e9 })) : [];
  return { cache: cache_bytes, rates };
}
