import type { MetricName } from '../../src/core/metric.ts';
import type { Scope } from '../../src/core/scope.ts';
import type { StoredSetting } from '../../src/core/setting.ts';

interface Wanted extends Partial<Omit<StoredSetting, 'metrics'>> {
  value: number;
  metric?: MetricName;
  scope?: Scope | null;
  run?: string;
}

let made = 0;

/** A setting with one metric. */
export function setting({ value, metric = 'decode_rate', scope = null, run = '1', ...more }: Wanted): StoredSetting {
  return {
    ...{ id: ++made, device: 'pi', toolchain: 'gcc', flags: '', sha256: 'x', model: 'm', suite: 's', threads: 2, valid: true },
    metrics: { [metric]: { value, low: value * 0.9, high: value * 1.1, runs: 1, n: 3, scope, run } },
    ...more,
  };
}
