import { FleetError } from '../core/errors.ts';
import type { ExecResult } from '../core/host.ts';
import type { Connection } from './connection.ts';

export interface WorkshopOptions {
  /** Folder of the Makefile there. */
  kernels: string;
  /** make's OUT: made by it, without blanks, relative to `kernels` or absolute. */
  out: string;
  /** Compilers at once. */
  jobs: number;
  /** An emulator that runs what is built here for another machine, as words before the program. */
  emulator?: readonly string[];
  /** Gets what make prints, line by line. */
  onLine?: (line: string) => void;
}

/** Make is GNU make, which BSDs call gmake. Its own variables of an outer make would change what it does. */
const MAKE = `
cd -- "$1" && shift || exit 1
unset MAKEFLAGS MAKELEVEL MFLAGS
for make in make gmake; do
  case $("$make" --version 2>/dev/null) in GNU*) exec "$make" --no-print-directory "$@" 2>&1 ;; esac
done
exit 127`;

/** A place where trit is built, and may be run to be trained: this machine, or a device. */
export class Workshop {
  readonly out: string;
  readonly #connection: Connection;
  readonly #options: WorkshopOptions;

  constructor(connection: Connection, options: WorkshopOptions) {
    this.out = options.out;
    this.#connection = connection;
    this.#options = options;
  }

  /** Runs make with these variables. Resolves with what it said, where it failed, or null; throws a FleetError where there is no make. */
  async make(variables: readonly string[]): Promise<string[] | null> {
    const { kernels, out, jobs, onLine } = this.#options;
    const argv = ['sh', '-c', MAKE, 'sh', kernels, `-j${jobs}`, `OUT=${out}`, ...variables];
    const made = await this.#connection.spawn(argv, { env: { LC_ALL: 'C' } });
    made.end();
    made.exited.catch(() => {});
    const log: string[] = [];
    for await (const line of made.lines) {
      if (log.length < 10_000) log.push(line.slice(0, 4000));
      onLine?.(line);
    }
    const { code } = await made.exited;
    const { device } = this.#connection;
    if (code === 127 && log.length === 0)
      throw new FleetError(`${device.connector === 'local' ? '' : `device ${device.id}: `}make is not installed; on Debian: apt install make`);
    return code === 0 ? null : log;
  }

  /** Runs the program that was built. */
  run(args: readonly string[], env: Record<string, string> = {}): Promise<ExecResult> {
    return this.shell('"$@"', [...(this.#options.emulator ?? []), `${this.out.startsWith('/') ? '' : './'}${this.out}/trit`, ...args], env);
  }

  /** Runs a script where make runs. */
  shell(script: string, args: readonly string[] = [], env: Record<string, string> = {}): Promise<ExecResult> {
    return this.#connection.exec(['sh', '-c', `cd -- "$1" && shift || exit 1\n${script}`, 'sh', this.#options.kernels, ...args], { env });
  }
}

/** The line of a failed make that tells most. */
export function tellingLine(log: readonly string[]): string {
  const line = log.find((text) => /(\berror:|cannot find|undefined reference|\*\*\*)/.test(text)) ?? log.at(-1) ?? 'make said nothing';
  return line.trim().slice(0, 300);
}
