import type { FlagName } from '../src/core/flags.ts';
import type { Host } from '../src/core/host.ts';
import { diskReads, machineTicks, processTimes, residentSet, swapUsed, TICKS } from './proc.ts';

/** Share of the machine's processor time other programs may use while we measure. */
export const BUSY = 0.05;
/** Share of the model that may be read from disk meanwhile: more of it means that it does not stay in memory. */
const REREAD = 0.01;
/** Less foreign time than this, in ticks, is the coarseness of the counters. */
const LEAST = 10;
const MEGABYTE = 1 << 20;

interface Reading {
  machine: { total: number; busy: number } | null;
  engine: number | null;
  own: number;
  swap: number | null;
  reads: number | null;
}

/** Watches the machine from before the first to after the last measured request of a prompt; nothing is read while a request runs. */
export class Watch {
  readonly #host: Host;
  readonly #pid: number;
  readonly #modelBytes: number;
  readonly #own: () => number;
  readonly #before: Reading;

  private constructor(host: Host, pid: number, modelBytes: number, own: () => number, before: Reading) {
    this.#host = host;
    this.#pid = pid;
    this.#modelBytes = modelBytes;
    this.#own = own;
    this.#before = before;
  }

  /** `own` gives the processor seconds of the agent itself on that machine; `modelBytes` is the size of the model file. */
  static async begin(host: Host, pid: number, modelBytes: number, own: () => number): Promise<Watch> {
    return new Watch(host, pid, modelBytes, own, await read(host, pid, own));
  }

  /** What spoiled the measurement, each with its figures. */
  async end(): Promise<{ flag: FlagName; evidence: string }[]> {
    const [a, b] = [this.#before, await read(this.#host, this.#pid, this.#own)];
    const found: { flag: FlagName; evidence: string }[] = [];
    if (a.machine && b.machine && a.engine !== null && b.engine !== null) {
      const total = b.machine.total - a.machine.total;
      const foreign = b.machine.busy - a.machine.busy - (b.engine - a.engine) - (b.own - a.own) * TICKS;
      if (foreign >= LEAST && foreign > BUSY * total)
        found.push({ flag: 'busy', evidence: `other programs used ${percent(foreign / total)} of the processor, more than ${percent(BUSY)}` });
    }
    const swapped = a.swap !== null && b.swap !== null ? b.swap - a.swap : 0;
    if (swapped > MEGABYTE) found.push({ flag: 'swapped', evidence: `swap grew by ${swapped} bytes` });
    const memory = await residentSet(this.#host, this.#pid);
    if (memory && memory.swap > 0) found.push({ flag: 'swapped', evidence: `${memory.swap} bytes of the engine are swapped out` });
    const reads = a.reads !== null && b.reads !== null ? b.reads - a.reads : 0;
    if (reads > Math.max(MEGABYTE, REREAD * this.#modelBytes))
      found.push({ flag: 'major-faults-in-decode', evidence: `the engine read ${reads} bytes from disk, of a model of ${this.#modelBytes}` });
    return found;
  }
}

async function read(host: Host, pid: number, own: () => number): Promise<Reading> {
  const [machine, engine, swap, reads] = await Promise.all([machineTicks(host), processTimes(host, pid), swapUsed(host), diskReads(host, pid)]);
  return { machine, engine: engine?.ticks ?? null, own: own(), swap, reads };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
