import type { MetricName } from './metric.ts';
import type { Scope } from './scope.ts';

/** What stands for a metric in all runs of a setting. Of power and energy only runs of one scope, the commonest, count. */
export interface Standing {
  /** Median over the runs of what stands for the metric in each. */
  value: number;
  /** Lowest and highest raw value of all of them. */
  low: number;
  high: number;
  /** Runs and raw values behind it. */
  runs: number;
  n: number;
  scope: Scope | null;
  /** The newest of the runs. */
  run: string;
}

/** All runs of one binary on one device with one model, suite and number of threads: the smallest thing that is measured again and again. */
export interface StoredSetting {
  id: number;
  device: string;
  toolchain: string;
  flags: string;
  sha256: string;
  model: string;
  suite: string;
  threads: number;
  /** Its runs are all valid, or all not. */
  valid: boolean;
  metrics: Partial<Record<MetricName, Standing>>;
}

/** Which settings; every field narrows. */
export interface SettingFilter {
  device?: string | readonly string[];
  toolchain?: string | readonly string[];
  model?: string | readonly string[];
  suite?: string | readonly string[];
  threads?: number;
  valid?: boolean;
  /** Only these metrics; a setting without any of them is left out. */
  metrics?: readonly MetricName[];
  /** The so many that were measured last. */
  limit?: number;
}

/** How good a model is, by the newest valid run of a suite on any device of this fleet. */
export interface StoredQuality {
  model: string;
  suite: string;
  metrics: Partial<Record<MetricName, Standing>>;
}
