import { METRICS, type MetricName } from '../../src/core/metric.ts';
import type { RunSummary } from '../../src/core/run.ts';
import { summarise } from '../../src/core/stats.ts';

/** Summaries of made values: n of them from `value` on, each a thousandth larger than the one before. */
export function metricsOf(values: Partial<Record<MetricName, number>>, n = 25): RunSummary['metrics'] {
  const rows = METRICS.flatMap(({ name, unit }) => {
    const value = values[name];
    return value === undefined
      ? []
      : [
          [
            name,
            summarise(
              Array.from({ length: n }, (_, i) => value * (1 + i / 1000)),
              unit,
            ),
          ],
        ];
  });
  return Object.fromEntries(rows);
}

export const TYPICAL = {
  prefill_rate: 41.2,
  decode_rate: 17.3,
  time_to_first_token: 0.81,
  inter_token_latency: 0.0571,
  peak_rss: 1.31e9,
  bytes_per_token: 1.25e9,
  bandwidth: 21.6e9,
} as const;

/** A summary of a run that went well, with values of its own where they matter. */
export function summary(changes: Partial<RunSummary> = {}): RunSummary {
  return {
    id: '20260102-030405-abcdef',
    device: 'local',
    toolchain: 'gcc-12',
    build: { sha256: 'ab'.repeat(32), compiler: 'gcc 12.2.0', flags: '-O3 -march=native', target: 'x86_64-linux' },
    model: 'bitnet-2b-4t',
    suite: 'standard',
    threads: 2,
    status: 'ok',
    message: null,
    flags: [],
    started: 1_700_000_000_000,
    ended: 1_700_000_060_000,
    metrics: metricsOf(TYPICAL),
    prompts: {},
    ...changes,
  };
}
