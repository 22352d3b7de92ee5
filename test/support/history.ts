import type { HistoryRun } from '../../src/core/history.ts';
import type { MetricName } from '../../src/core/metric.ts';
import type { NewRun } from '../../src/core/run.ts';
import type { Store } from '../../src/core/store.ts';
import { FACTS, newRun, sample } from './runs.ts';
import { metricsOf, summary } from './summaries.ts';

const HOUR = 3_600_000;
export const CODE = 'c'.repeat(64);

/** Runs an hour apart, one for each decode rate, all in one environment; with values of their own where they matter. */
export function nightly(rates: readonly number[], change: Partial<HistoryRun> = {}, first = 0): HistoryRun[] {
  return rates.map((rate, i) => ({
    ...summary({ id: `run-${first + i}`, started: (first + i) * HOUR, metrics: metricsOf({ decode_rate: rate }, 1) }),
    ...{ suiteVersion: 1, cpus: null, epoch: 'e1', facts: FACTS, code: CODE, launch: false, rerunOf: [] },
    ...change,
  }));
}

/** Stores runs that went well, an hour apart, each with one sample of a metric. Returns their ids. */
export function storeRuns(store: Store, values: readonly number[], change: Partial<NewRun> = {}, metric: MetricName = 'decode_rate'): string[] {
  const { id = 'run', started = 0 } = change;
  return values.map((value, i) => {
    const run = newRun({ facts: FACTS, ...change, id: `${id}-${String(i).padStart(3, '0')}`, started: started + i * HOUR });
    store.createRun(run);
    store.append(run.id, sample(1, metric, value, { prompt: 'p' }));
    store.finish(run.id, 'ok', null);
    return run.id;
  });
}

/** So many values around one, with a little noise that a seed decides. */
export function around(value: number, n: number, random: () => number, noise = 0.01): number[] {
  return Array.from({ length: n }, () => value * (1 + noise * (2 * random() - 1)));
}
