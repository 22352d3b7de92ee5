/** What to compile for. */
export const TARGETS = ['x86_64-linux', 'aarch64-linux', 'armv7-linux', 'riscv64-linux'] as const;
export type Target = (typeof TARGETS)[number];

/** One binary. */
export interface Build {
  /** Content hash of sources + target + toolchain version + flags: the key of the cache. */
  id: string;
  toolchain: string; // "gcc-12", "clang-19"
  compiler: string; // first line of --version
  target: Target;
  flags: string;
  path: string; // of the binary, on the controller
  sha256: string; // of the binary
  bytes: number;
}
