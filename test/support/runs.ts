import type { NewComparison } from '../../src/core/comparison.ts';
import type { Facts } from '../../src/core/facts.ts';
import type { JournalRecord } from '../../src/core/journal.ts';
import type { MetricName } from '../../src/core/metric.ts';
import type { NewRun } from '../../src/core/run.ts';

export const FACTS: Facts = {
  os: 'Linux',
  kernel: '6.1.0',
  machine: 'x86_64',
  distribution: 'Debian 12',
  libc: 'glibc 2.36',
  cpu: 'Test CPU',
  cores: [{ id: 0, capacity: null, max_hz: 2e9 }],
  features: ['avx2', 'fma'],
  memory: 4e9,
  memory_available: 3e9,
  swap: 0,
  page_size: 4096,
  disk_free: 1e10,
  governor: 'performance',
  load: 0.1,
  node: null,
  compilers: [],
  sensors: [],
  board: null,
  clock_offset: null,
  workdir: '/home/user/.cache/fleet',
};

/** A planned run with values of its own where they matter. */
export function newRun(changes: Partial<NewRun> = {}): NewRun {
  return {
    id: 'run-1',
    device: 'local',
    toolchain: 'gcc-12',
    build: { sha256: 'a'.repeat(64), compiler: 'gcc 12.2.0', flags: '-O3', target: 'x86_64-linux' },
    model: 'tiny',
    suite: 'smoke',
    suiteVersion: 1,
    threads: 2,
    cpus: null,
    emulated: false,
    facts: null,
    journal: null,
    started: 1_700_000_000_000,
    ...changes,
  };
}

/** A planned comparison of two builds, with values of its own where they matter. */
export function newComparison(changes: Pick<NewComparison, 'baseline' | 'candidate'> & Partial<NewComparison>): NewComparison {
  return {
    ...{ id: 'c1', device: 'local', model: 'tiny', suite: 'pair', suiteVersion: 1, threads: 2, metrics: ['decode_rate'] },
    ...{ seed: 1, epoch: null, started: 5 },
    ...changes,
  };
}

const clocks = (seq: number) => ({ seq, wall: 1_700_000_000_000 + 10 * seq, mono: seq / 100 });

export function sample(seq: number, metric: MetricName, value: number, more: { prompt?: string | null; warmup?: boolean } = {}): JournalRecord {
  return { ...clocks(seq), kind: 'sample', metric, value, prompt: null, launch: 0, repetition: seq, warmup: false, ...more };
}

export function tokenTimes(seq: number, times: number[], more: { prompt?: string | null; warmup?: boolean } = {}): JournalRecord {
  return { ...clocks(seq), kind: 'series', series: 'token_times', unit: 's', prompt: null, launch: 0, repetition: seq, times, values: [], ...more };
}

export function phase(seq: number, name: 'load' | 'measure', done?: number, total?: number): JournalRecord {
  return { ...clocks(seq), kind: 'phase', phase: name, done, total };
}

export function end(seq: number, status: 'ok' | 'failed' | 'cancelled' = 'ok', message: string | null = null): JournalRecord {
  return { ...clocks(seq), kind: 'end', status, message };
}
