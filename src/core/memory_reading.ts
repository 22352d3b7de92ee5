import { z } from 'zod';

/** Bytes of a model below which memory is not what limits it: it may lie in a cache. */
export const IN_CACHE = 64 * 2 ** 20;

/** What `trit kernels --kernel none -o json` tells: what memory delivers to so many threads that read it in order, 1e9 bytes/s. */
export const MemoryReading = z.object({
  /** Bytes of the caches. */
  cache_bytes: z.number(),
  /** False where trit cannot tell what of it came out of a cache. */
  exceeds_cache: z.boolean(),
  bandwidth: z.array(z.object({ threads: z.int(), gb_per_s: z.number().positive() })).min(1),
});
export type MemoryReading = z.infer<typeof MemoryReading>;

/** Arguments of trit for it. Reading is the same with all ISAs; scalar, because only the others have instructions whose peak would be measured as well. */
export function memoryArguments(rounds: number): string[] {
  return ['kernels', '--kernel', 'none', '--isa', 'scalar', '--rounds', String(rounds), '-o', 'json'];
}
