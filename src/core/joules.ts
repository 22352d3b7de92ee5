import { energyIn, type Window } from './energy.ts';
import type { JournalEntry } from './journal.ts';
import type { MetricName } from './metric.ts';
import type { PowerTrace } from './power_trace.ts';
import { median } from './stats.ts';

type SampleEntry = Extract<JournalEntry, { kind: 'sample' }>;
type FlagEntry = Extract<JournalEntry, { kind: 'flag' }>;

/** A window as the journal marks it: an idle stretch, or a request from its reading over its first token to its last. */
export interface Marker extends Window {
  what: 'idle' | 'measure' | 'sampled';
  prompt: string | null;
  launch: number;
  repetition: number;
  first: number | null;
  n_prompt: number;
  n_gen: number;
}

/** Idle power after and before may differ by this share before the difference is flagged. */
export const DRIFT = 0.1;

/**
 * Every figure of energy that a source gives for the marked windows, as samples, and flags for what it cannot give. Net is gross less the
 * mean idle power times the time; without an idle window it does not exist.
 */
export function joulesOf(trace: PowerTrace, markers: readonly Marker[]): (SampleEntry | FlagEntry)[] {
  const { source, scope } = trace;
  const entries: (SampleEntry | FlagEntry)[] = [];
  const missing: string[] = [];
  const add = (metric: MetricName, value: number, { prompt, launch, repetition }: Marker) =>
    entries.push({ kind: 'sample', metric, value, prompt, launch, repetition, warmup: false, source, scope });
  const energy = (window: Window, what: string): number | null => {
    const found = energyIn(trace, window);
    if (found.joules === null) missing.push(`${what}: ${found.why}`);
    return found.joules;
  };

  const idles: number[] = [];
  for (const marker of markers.filter(({ what }) => what === 'idle')) {
    const joules = energy(marker, 'idle');
    if (joules === null) continue;
    idles.push(joules / (marker.end - marker.begin));
    add('power_idle', idles.at(-1) as number, marker);
  }
  const idle = idles.length > 0 ? idles.reduce((sum, watts) => sum + watts, 0) / idles.length : null;
  for (const marker of markers.filter(({ what }) => what !== 'idle')) {
    const { begin, end, first, n_prompt, n_gen } = marker;
    if (first === null) continue;
    const of = (metric: 'energy_per_token' | 'energy_per_prompt_token', joules: number | null, seconds: number, tokens: number) => {
      if (joules === null) return;
      add(metric, joules / tokens, marker);
      if (idle !== null) add(`${metric}_net`, (joules - idle * seconds) / tokens, marker);
    };
    if (n_prompt > 0) of('energy_per_prompt_token', energy({ begin, end: first }, `prefill of ${marker.prompt}`), first - begin, n_prompt);
    if (n_gen > 1) {
      const joules = energy({ begin: first, end }, `decode of ${marker.prompt}`);
      of('energy_per_token', joules, end - first, n_gen - 1);
      if (joules !== null) add('power_mean', joules / (end - first), marker);
    }
  }

  const [before, ...after] = idles;
  const last = after.at(-1);
  if (before !== undefined && last !== undefined && Math.abs(last - before) > DRIFT * median([before, last])) {
    const evidence = `${source}: ${before.toFixed(3)} W before, ${last.toFixed(3)} W after`;
    entries.push({ kind: 'flag', flag: 'idle-drift', evidence });
  }
  if (missing.length > 0) {
    const kinds = [...new Set(missing)];
    const more = kinds.length > 2 ? `; and ${kinds.length - 2} more` : '';
    entries.push({ kind: 'flag', flag: 'energy-missing', evidence: `${source}: ${kinds.slice(0, 2).join('; ')}${more}` });
  }
  return entries;
}
