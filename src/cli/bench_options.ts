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
  /** Where builds are made. */
  build: 'here' | 'on-device';
  wait?: number | true;
  acceptNewHostKey?: boolean;
}

/** What `fleet compare` was asked to do. */
export interface CompareOptions extends Omit<BenchOptions, 'toolchain' | 'flags' | 'build'> {
  metric: [MetricName, ...MetricName[]];
  noise?: boolean;
}
