import type { HistoryRun } from './history.ts';

/** What runs are held against later: a name for a set of runs, each with the environment and the code that it had. */
export interface Baseline {
  name: string;
  made: number; // ms since 1970
  /** Oldest first. */
  runs: HistoryRun[];
}

/** What a baseline may be called. */
export const BASELINE_NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$/;
