import type { Device } from '../core/device.ts';
import type { Host } from '../core/host.ts';

/** A way to a device: a Host, and files to and fro. One SSH connection carries all of it. */
export interface Connection extends Host {
  readonly device: Device;
  /**
   * Writes a local file to the device, resuming a partial one (`<path>.part-<process>`), then renames it into place. The caller verifies its hash.
   * Parent folders are made. onProgress gets bytes done and bytes in all.
   */
  upload(local: string, remote: string, options?: { mode?: number; onProgress?: (done: number, total: number) => void }): Promise<void>;
  /** Writes a small text file, whole or not at all. */
  writeFile(path: string, text: string, mode?: number): Promise<void>;
  /** Rejects once, with a sentence, when the link is lost; pending calls reject with the same. Never resolves. */
  readonly lost: Promise<never>;
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** Store the key of a host seen for the first time; a changed key is refused all the same. */
  acceptNewHostKey?: boolean;
  /** Asks a person whether to trust such a key, where `acceptNewHostKey` does not say so: "pi@host shows the key SHA256:... (ssh-ed25519)". */
  confirmHostKey?: (sentence: string) => Promise<boolean>;
  /** Asks a person for a password or passphrase without echo; default: the terminal, where there is one. */
  askPassword?: (question: string) => Promise<string>;
  /** Gets one line a step, for --verbose. */
  log?: (line: string) => void;
}
