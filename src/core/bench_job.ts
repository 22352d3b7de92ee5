import { z } from 'zod';

const name = (pattern: RegExp, hint: string) => z.string().regex(pattern, hint);

/**
 * A bench as the page may ask for it: less than the command line can do. Compiler flags, files and addresses are left out, because they let
 * whoever asks run or read anything here.
 */
export const BenchRequest = z.strictObject({
  device: name(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'name a declared device'),
  toolchain: name(/^[a-z][a-z0-9+._-]{0,31}$/, 'name a compiler such as clang-19'),
  /** null: the suite's. */
  model: name(/^[a-z0-9][a-z0-9._-]{0,63}(:[a-z0-9_]{0,15}){0,2}$/, 'name a twin such as bitnet-2b-4t, or name:type:head').nullable(),
  suite: name(/^[a-z0-9][a-z0-9-]{0,31}$/, 'name a suite such as smoke'),
  /** null: one for each fast core. */
  threads: z.int('write a whole number').min(1, 'write 1 to 512').max(512, 'write 1 to 512').nullable(),
});
export type BenchRequest = z.infer<typeof BenchRequest>;

/** A bench that was asked for from the page. */
export interface BenchJob {
  id: string;
  request: BenchRequest;
  state: 'waiting' | 'running' | 'stopping' | 'done' | 'failed' | 'stopped';
  asked: number; // ms since 1970
  began: number | null;
  ended: number | null;
  /** The last sentence it said. */
  message: string | null;
}

/** What may be asked for, and what has been: GET /api/benches. */
export interface BenchQueue {
  devices: readonly string[];
  toolchains: readonly string[];
  models: readonly string[];
  suites: readonly string[];
  /** The newest first. */
  jobs: readonly BenchJob[];
}

/** Starts, queues and stops benches. `add` and `stop` throw FleetError with a sentence. */
export interface Benches {
  queue(): Promise<BenchQueue>;
  add(request: BenchRequest): Promise<BenchJob>;
  /** Takes a waiting one out, or asks a running one to end; what was measured is kept. */
  stop(id: string): BenchJob;
  /** Ends what runs; resolves when it has ended. */
  close(): Promise<void>;
}
