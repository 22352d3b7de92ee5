import pc from 'picocolors';
import type { RunSummary } from '../core/run.ts';
import { isValid } from '../core/validity.ts';

export type Colours = ReturnType<typeof pc.createColors>;

/** Styles for a terminal, or functions that leave text as it is. */
export function colours(wanted: boolean): Colours {
  return pc.createColors(wanted);
}

/** Colours only where a person looks on: a terminal, and no NO_COLOR (no-color.org) in the environment. */
export function wantsColour(stream: { isTTY?: boolean }, environment: Record<string, string | undefined>): boolean {
  return stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb';
}

/** Green: valid; yellow: flagged or ended early; red: failed. */
export function resultColour(run: RunSummary, { green, yellow, red }: Colours): (text: string) => string {
  if (run.status === 'failed') return red;
  return isValid(run) ? green : yellow;
}
