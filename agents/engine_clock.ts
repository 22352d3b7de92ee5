import type { Engine } from './engine.ts';
import type { Context, EngineClock } from './launch.ts';

const TRIPS = 7;

/**
 * The engine stamps its events with its own monotonic clock, which beside the controller is another machine's. Asked a few times what its
 * clock shows; the quickest answer was given nearest to the middle of its trip.
 */
export async function engineClock(at: Context, engine: Engine): Promise<EngineClock> {
  let best: EngineClock | null = null;
  for (let i = 0; i < TRIPS; i++) {
    const before = at.elapsed();
    const { t_ns } = await engine.usage();
    const after = at.elapsed();
    const error = (after - before) / 2;
    if (best === null || error < best.error) best = { offset: (before + after) / 2 - t_ns / 1e9, error };
  }
  at.journal.write({ kind: 'clock', clock: 'engine', ...(best as EngineClock) });
  return best as EngineClock;
}
