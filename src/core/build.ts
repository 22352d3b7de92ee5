/** What to compile for. */
export const TARGETS = ['x86_64-linux', 'aarch64-linux', 'armv7-linux', 'riscv64-linux'] as const;
export type Target = (typeof TARGETS)[number];

/** Ends the name of a toolchain that is a device's own compiler: "cc@device" compiles on the device that is measured. */
const ON_DEVICE = '@device';

/** The compiler's name on the device, or null for a toolchain of this machine. */
export function nameOnDevice(toolchain: string): string | null {
  return toolchain.endsWith(ON_DEVICE) ? toolchain.slice(0, -ON_DEVICE.length) : null;
}

/** The same compiler, of the device itself. */
export function onDevice(toolchain: string): string {
  return nameOnDevice(toolchain) === null ? toolchain + ON_DEVICE : toolchain;
}

/** What a user asks to be built: one side of a comparison. */
export interface BuildSpec {
  toolchain: string;
  /** More compiler flags; '' for none. */
  flags: string;
}

/** "clang-19", or "clang-19:-O2 -flto". That a binary is static is our choice and no flag of the user's. */
export function specLabel({ toolchain, flags }: BuildSpec): string {
  const chosen = flags
    .split(' ')
    .filter((flag) => flag !== '-static')
    .join(' ');
  return chosen ? `${toolchain}:${chosen}` : toolchain;
}

/** Stands for the binary of a run that never had one, because its device could not be reached or its compiler failed. */
export function unbuilt({ flags }: BuildSpec, target: Target | null): { sha256: ''; compiler: ''; flags: string; target: Target | '' } {
  return { sha256: '', compiler: '', flags, target: target ?? '' };
}

/** One binary. */
export interface Build {
  /** Content hash of sources + target + toolchain version + flags: the key of the cache. */
  id: string;
  toolchain: string; // "gcc-12", "clang-19", "cc@device"
  compiler: string; // first line of --version
  target: string; // a Target; "arm64-darwin" where a device that is none built for itself
  flags: string;
  path: string; // of the binary, where it was built: here, or on the device
  sha256: string; // of the binary
  bytes: number;
  /** Hash of the machine code and its constants, without what only names the compiler; null where it cannot be told. */
  code: string | null;
  /** The commit that kernels/ stood at, 12 digits, with a + where something in it was changed since; absent where git does not tell. */
  commit?: string;
}
