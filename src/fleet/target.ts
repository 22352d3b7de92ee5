import type { Target } from '../core/build.ts';
import { FleetError } from '../core/errors.ts';
import type { Facts } from '../core/facts.ts';

/** uname -m of each target's machines. A 32-bit system under a 64-bit kernel says aarch64, and runs the static 64-bit binary. */
const MACHINES: Record<string, Target> = {
  x86_64: 'x86_64-linux',
  amd64: 'x86_64-linux',
  aarch64: 'aarch64-linux',
  arm64: 'aarch64-linux',
  armv7l: 'armv7-linux',
  armv8l: 'armv7-linux',
  riscv64: 'riscv64-linux',
};

/** What to compile for. Throws a FleetError for machines trit is not built for. */
export function targetOf(facts: Pick<Facts, 'os' | 'machine'>): Target {
  const target = Object.hasOwn(MACHINES, facts.machine) ? MACHINES[facts.machine] : undefined;
  const instead = 'let it build for itself: --build on-device';
  if (facts.os !== 'Linux') throw new FleetError(`the device runs ${facts.os}; fleet sends its engine to Linux and Android only: ${instead}`);
  if (!target) throw new FleetError(`the device is a ${facts.machine}; fleet builds for x86_64, aarch64, armv7 and riscv64: ${instead}`);
  return target;
}

/** The same, null for machines trit is not built for. */
export function targetOrNull(facts: Pick<Facts, 'os' | 'machine'>): Target | null {
  try {
    return targetOf(facts);
  } catch {
    return null;
  }
}

/** What a device that builds for itself builds for: a target, or its own words, such as "arm64-darwin". */
export function nativeTarget(facts: Pick<Facts, 'os' | 'machine'>): string {
  const own = `${facts.machine}-${facts.os}`
    .toLowerCase()
    .replace(/[^a-z0-9_.-]+/g, '-')
    .slice(0, 60);
  return facts.os === 'Linux' && Object.hasOwn(MACHINES, facts.machine) ? (MACHINES[facts.machine] as Target) : own;
}

/** The target of this machine. */
export function hostTarget(): Target {
  const machine = { x64: 'x86_64', arm64: 'aarch64', arm: 'armv7l', riscv64: 'riscv64' }[process.arch as string] ?? process.arch;
  return targetOf({ os: { linux: 'Linux', android: 'Linux', darwin: 'Darwin' }[process.platform as string] ?? process.platform, machine });
}
