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
  wait?: number | true;
  acceptNewHostKey?: boolean;
  /** Who brings published models to a device. */
  modelFrom?: 'controller' | 'device';
  /** Address of the hub. */
  mirror?: string;
}

/** What `fleet compare` was asked to do. */
export interface CompareOptions extends Omit<BenchOptions, 'toolchain' | 'flags'> {
  metric: [MetricName, ...MetricName[]];
  noise?: boolean;
}
