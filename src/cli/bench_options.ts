import type { BuildCause } from '../core/epoch.ts';
import type { MetricName } from '../core/metric.ts';

/** What `fleet bench` was asked to do. */
export interface BenchOptions {
  device: string;
  toolchain: string[];
  model?: string;
  suite: string;
  threads?: number[];
  cpus?: string;
  isa?: string;
  repetitions?: number;
  flags?: string;
  /** Where builds are made (default: here). */
  build?: 'here' | 'on-device';
  wait?: number | true;
  acceptNewHostKey?: boolean;
  /** Who brings published models to a device. */
  modelFrom?: 'controller' | 'device';
  /** Address of the hub. */
  mirror?: string;
}

/** What `fleet compare` was asked to do. */
export interface CompareOptions extends Omit<BenchOptions, 'toolchain' | 'flags' | 'build'> {
  metric: [MetricName, ...MetricName[]];
  noise?: boolean;
}

/** What `fleet bisect` was asked to do. */
export interface BisectOptions extends Omit<BenchOptions, 'toolchain' | 'threads' | 'repetitions'> {
  toolchain: string;
  threads?: number;
  metric: [MetricName, ...MetricName[]];
  good?: string;
  bad?: string;
  over?: string[];
  repository?: string;
  again?: boolean;
}

/** What `fleet check` was asked to do. */
export interface CheckOptions {
  against: string;
  maxRegression: number;
  metric: [MetricName, ...MetricName[]];
  device?: string[];
  strict?: boolean;
  junit?: string;
  markdown?: string;
  measure?: boolean;
  suite: string;
  modelFile?: string;
  wait?: number | true;
  acceptNewHostKey?: boolean;
}

/** What `fleet history` was asked to do. */
export interface HistoryOptions {
  metric: MetricName[];
  across?: BuildCause[];
  confirm?: boolean;
  suiteFile?: string;
  modelFile?: string;
  acceptNewHostKey?: boolean;
}
