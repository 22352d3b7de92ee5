import type { MetricName } from './metric.ts';
import type { Scope } from './scope.ts';

export interface HistoryPoint {
  run: string;
  started: number;
  value: number;
}
export interface HistoryChange {
  run: string;
  started: number;
  before: number;
  after: number;
  change: number;
  verdict: 'faster' | 'slower' | 'different';
  status: 'unconfirmed' | 'confirmed' | 'passed';
}
export interface HistoryEpoch {
  code: string | null;
  compiler: string | null;
  started: number;
  ended: number;
  runs: number;
  median: number;
  causes: { cause: string; from: string | null; to: string | null }[];
  points: HistoryPoint[];
  changes: HistoryChange[];
}
export interface HistorySeries {
  device: string;
  model: string;
  suite: string;
  threads: number;
  build: string;
  metric: MetricName;
  scope: Scope | null;
  epochs: HistoryEpoch[];
}
