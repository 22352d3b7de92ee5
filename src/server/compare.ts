import type { MetricName } from '../core/metric.ts';
import { median } from '../core/stats.ts';
import type { StoreReader } from '../core/store.ts';
import type { CompareQuery } from './ask.ts';

/** Two toolchains on one device, side by side. No interval, hence no verdict: it describes what was measured and claims nothing. */
export interface Description {
  device: string;
  model: string;
  suite: string;
  threads: number;
  metric: MetricName;
  baseline: number;
  candidate: number;
  /** candidate / baseline - 1, of the medians of the runs. */
  change: number;
  interval: null;
  verdict: 'unknown';
  /** Runs on each side. */
  runs: [baseline: number, candidate: number];
}

/** How many runs are looked at. */
const LIMIT = 2000;

/** Medians over valid runs that have all but the toolchain in common. */
export function describe(store: StoreReader, { baseline, candidate, device, model, metric }: CompareQuery): Description[] {
  const runs = store.runs({ toolchain: [baseline, candidate], device, model, valid: true, limit: LIMIT });
  const groups = new Map<string, { key: Pick<Description, 'device' | 'model' | 'suite' | 'threads'>; sides: [number[], number[]] }>();
  for (const run of runs) {
    const value = run.metrics[metric]?.median;
    if (value === undefined) continue;
    const key = { device: run.device, model: run.model, suite: run.suite, threads: run.threads };
    const name = JSON.stringify(key);
    const group = groups.get(name) ?? { key, sides: [[], []] };
    groups.set(name, group);
    if (run.toolchain === baseline) group.sides[0].push(value);
    if (run.toolchain === candidate) group.sides[1].push(value);
  }
  return [...groups.values()].flatMap(({ key, sides: [before, after] }) => {
    if (before.length === 0 || after.length === 0) return [];
    const [b, c] = [median(before), median(after)];
    if (b === 0) return [];
    return [{ ...key, metric, baseline: b, candidate: c, change: c / b - 1, interval: null, verdict: 'unknown' as const, runs: [before.length, after.length] as [number, number] }];
  });
}
