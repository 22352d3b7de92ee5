import { FLAGS, type FlagName } from './flags.ts';
import type { RunStatus } from './run.ts';

/** Names of the flags that keep a run out of charts and comparisons unless somebody asks for it. */
export const INVALID_FLAGS: readonly FlagName[] = FLAGS.filter((flag) => flag.invalid).map((flag) => flag.name);

/** May this run stand beside others? Only one that ended well and carries no invalid flag. */
export function isValid(run: { status: RunStatus; flags: readonly FlagName[] }): boolean {
  return run.status === 'ok' && !run.flags.some((flag) => INVALID_FLAGS.includes(flag));
}

/** Flags of runs in which nothing real was timed: no chart shows them, also where invalid runs are asked for. */
const UNREAL: readonly FlagName[] = ['emulated', 'lab'];

/** Are the figures of this run those of a real machine, valid or not? */
export function isReal({ flags }: { flags: readonly FlagName[] }): boolean {
  return !flags.some((flag) => UNREAL.includes(flag));
}
