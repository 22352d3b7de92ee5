import type { RunStatus } from '../core/run.ts';

/** What SQLite gives of a run: its own columns, those of its build, the epoch of its facts, the origin of its device. */
export interface RunRow {
  id: string;
  device: string;
  toolchain: string;
  sha256: string;
  compiler: string;
  flags: string;
  target: string;
  code: string | null;
  commit_id: string | null;
  model: string;
  suite: string;
  suite_version: number;
  threads: number;
  cpus: string | null;
  emulated: number;
  journal: string | null;
  started: number;
  ended: number | null;
  status: RunStatus;
  message: string | null;
  last_seq: number;
  revision: number;
  /** Of the row of facts. */
  facts: number | null;
  setting: number | null;
  rolled: number;
  epoch: string | null;
  origin: string | null;
}
