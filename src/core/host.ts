/**
 * What the agent needs of the machine it measures. On the device it is Node's own fs and child_process; for a device without Node the
 * same agent runs beside the controller with a Host that speaks over the one SSH connection.
 */
export interface Host {
  /** Text of a small file (proc, sysfs, journal). Rejects where it does not exist or cannot be read. */
  readFile(path: string): Promise<string>;
  /** Names in a folder, sorted. Rejects like readFile. */
  list(path: string): Promise<string[]>;
  /** Runs a program to its end. Resolves whatever its exit code; rejects only where it could not be started or was cut off. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Starts a program with line-wise stdin and stdout. */
  spawn(argv: readonly string[], options?: { env?: Record<string, string> }): Promise<HostProcess>;
}

export interface ExecOptions {
  env?: Record<string, string>;
  /** Bytes given to stdin, which is then closed. */
  input?: string;
  /** Ends the program and rejects after so many milliseconds. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface ExecResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface HostProcess {
  /** Process id on the machine that is measured. */
  readonly pid: number;
  /** Lines of stdout, in order, without their newline; ends when the program ends. */
  readonly lines: AsyncIterable<string>;
  /** Writes one line to stdin. */
  write(line: string): void;
  /** Closes stdin. */
  end(): void;
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
  /** Resolves once, when the program has ended; stderr is its last 4 KB. */
  readonly exited: Promise<{ code: number | null; signal: string | null; stderr: string }>;
}
