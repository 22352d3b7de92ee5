import { type Build, nameOnDevice, TARGETS } from '../core/build.ts';
import { FleetError } from '../core/errors.ts';
import type { HistoryRun } from '../core/history.ts';
import { build, findBuilt } from '../fleet/build.ts';

/** Flags of a stored build as the user wrote them: that it is static was our choice. */
export function flagsOfBuild({ flags }: { flags: string }): string {
  return flags
    .split(' ')
    .filter((flag) => flag !== '-static')
    .join(' ');
}

/** The very binary of a run from the cache, or one built now that runs the same instructions. Throws a FleetError where there is neither. */
export async function binaryOf(root: string, run: Pick<HistoryRun, 'id' | 'build' | 'toolchain' | 'code'>): Promise<Build> {
  const kept = await findBuilt(root, run.build.sha256);
  if (kept) return kept;
  const target = TARGETS.find((name) => name === run.build.target);
  if (!target || nameOnDevice(run.toolchain) !== null)
    throw new FleetError(`the binary of run ${run.id} was built on its device and cannot be made again here; measure with a build of this machine`);
  const made = await build({ toolchain: run.toolchain, target, flags: flagsOfBuild(run.build), root });
  if (made.sha256 === run.build.sha256 || (run.code !== null && made.code === run.code)) return made;
  throw new FleetError(`the binary of run ${run.id} is no longer in ${root}/.fleet/builds, and the sources make another one by now`);
}

/** Do both run the same instructions? */
export function sameCode(one: Pick<Build, 'sha256' | 'code'>, other: Pick<Build, 'sha256' | 'code'>): boolean {
  return one.sha256 === other.sha256 || (one.code !== null && one.code === other.code);
}
