import type { Reading } from '../core/contest.ts';
import { FleetError } from '../core/errors.ts';
import { MemoryReading, memoryArguments } from '../core/memory_reading.ts';
import { parsed } from '../core/parsed.ts';
import { lastWords, launch } from './launch.ts';

/** What reading memory gives with one thread and with so many, as trit measures it; no rates where only a cache could be measured. */
export async function measureMemory(trit: string, threads: number, signal?: AbortSignal): Promise<Reading> {
  const ended = await launch(trit, [...memoryArguments(9), '-t', String(threads)], { signal });
  if (ended.code !== 0) throw new FleetError(`trit kernels ${lastWords(ended)}`);
  const told = parsed(MemoryReading, ended.stdout);
  if (!told) throw new FleetError('trit kernels told nothing that could be read');
  const { bandwidth, cache_bytes, exceeds_cache } = told;
  const rates = exceeds_cache ? bandwidth.map((row) => ({ threads: row.threads, rate: row.gb_per_s * 1e9 })) : [];
  return { cache: cache_bytes, rates };
}
