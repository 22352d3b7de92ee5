import { pause } from '../src/core/power_trace.ts';
import type { Context } from './launch.ts';
import { machineTicks } from './proc.ts';
import { readAll } from './sampler.ts';
import type { Sensed } from './sensed.ts';

/** Seconds over which the load of other programs is taken. */
const LOOK = 2;

/**
 * Waits, no longer than the suite allows, until the device is quiet and cool enough to be measured. What is not reached is flagged, and the
 * run goes on: the flag says what the figures are worth.
 */
export async function gate(at: Context, sensed: Sensed): Promise<void> {
  const limits = at.job.suite.gate;
  if (!limits) return;
  const begun = at.elapsed();
  let told = '';
  for (;;) {
    const load = await foreignLoad(at);
    at.signal.throwIfAborted();
    const hottest = Math.max(...(await readAll(sensed.temperatures)));
    const ceiling = limits.temperature ?? Number.POSITIVE_INFINITY;
    const busy = load !== null && load > limits.load ? `other programs use ${(load * 100).toFixed(1)} % of the processor` : null;
    const hot = hottest > ceiling ? `the processor has ${hottest.toFixed(1)} °C, the ceiling is ${ceiling} °C` : null;
    if (busy === null && hot === null) return;
    const waited = at.elapsed() - begun;
    if (waited >= limits.wait) {
      if (busy) at.flag('busy-start', `${busy} after ${waited.toFixed(0)} s of waiting`);
      if (hot) at.flag('hot-start', `${hot}, after ${waited.toFixed(0)} s of waiting`);
      return;
    }
    const why = [busy, hot].filter(Boolean).join('; ');
    const kind = why.replace(/[\d.]+/g, '');
    at.journal.write({ kind: 'phase', phase: 'wait', detail: why, done: Math.round(waited), total: limits.wait });
    if (kind !== told) at.journal.write({ kind: 'log', text: `waiting: ${why}` });
    told = kind;
  }
}

/** Share of the processor that is used, the agent's own part left out, over LOOK seconds. */
async function foreignLoad(at: Context): Promise<number | null> {
  const [before, own] = [await machineTicks(at.host), at.own()];
  await pause(LOOK, at.signal);
  const after = await machineTicks(at.host);
  if (!before || !after || after.total <= before.total) return null;
  const mine = (at.own() - own) * 100;
  return Math.max(0, after.busy - before.busy - mine) / (after.total - before.total);
}
