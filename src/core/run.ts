import type { Build } from './build.ts';
import type { Facts } from './facts.ts';
import type { FlagName } from './flags.ts';
import type { MetricName } from './metric.ts';
import type { Scope } from './scope.ts';

export type RunStatus = 'queued' | 'running' | 'ok' | 'failed' | 'cancelled' | 'interrupted';

/** A run as it is planned: device x build x model x suite x threads. */
export interface NewRun {
  id: string;
  device: string;
  toolchain: string;
  build: Pick<Build, 'sha256' | 'compiler' | 'flags'> & { target: string };
  model: string;
  suite: string;
  suiteVersion: number;
  /** 0: never known, for the device was never reached. */
  threads: number;
  cpus: string | null;
  emulated: boolean;
  facts: Facts | null;
  /** Journal of the run on the device (or beside the controller), so that any later call can resume it. */
  journal: string | null;
  started: number; // ms since 1970, controller's clock
}

/** One summarised metric; every quantile is over the raw samples of measured repetitions. */
export interface MetricSummary {
  median: number;
  p50: number;
  p95: number | null; // null below 20 values: not enough to say
  min: number;
  max: number;
  n: number;
  unit: string;
  /** Of power and energy: where the figures come from, and what they cover. Those of two scopes are never compared. */
  source?: string;
  scope?: Scope;
}

/** A run as shown: the JSON of `fleet bench --json` and GET /api/runs. */
export interface RunSummary {
  id: string;
  device: string;
  toolchain: string;
  build: { sha256: string; compiler: string; flags: string; target: string };
  model: string;
  suite: string;
  threads: number;
  status: RunStatus;
  message: string | null;
  flags: FlagName[];
  started: number;
  ended: number | null;
  /** Of imported runs: the fleet or file they come from. Absent where this fleet measured. */
  origin?: string;
  /** Over all prompts of the suite. */
  metrics: Partial<Record<MetricName, MetricSummary>>;
  /** The same by prompt id. */
  prompts: Record<string, Partial<Record<MetricName, MetricSummary>>>;
}

/** Time-sortable id: 20261121-142530-k3x9qa. */
export function newRunId(now = new Date(), random = Math.random): string {
  const stamp = now.toISOString().replace(/\D/g, '');
  const tail = Array.from({ length: 6 }, () => Math.floor(random() * 36).toString(36)).join('');
  return `${stamp.slice(0, 8)}-${stamp.slice(8, 14)}-${tail}`;
}
