import type { RunSummary } from '../../src/core/run.ts';
import type { Material } from '../../src/report/material.ts';

/** What a report is made of, with these runs and nothing else where nothing else matters. */
export function material(runs: readonly RunSummary[], changes: Partial<Material> = {}): Material {
  return { runs, whole: runs, detail: () => null, comparisons: [], published: null, made: Date.UTC(2026, 0, 2), picture: null, ...changes };
}
