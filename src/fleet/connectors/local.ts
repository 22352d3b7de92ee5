import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, constants, copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { constants as os } from 'node:os';
import { dirname } from 'node:path';
import type { Device } from '../../core/device.ts';
import { FleetError } from '../../core/errors.ts';
import type { ExecOptions, ExecResult, HostProcess } from '../../core/host.ts';
import type { Connection } from '../connection.ts';
import { protect, release } from './guard.ts';
import { LineQueue, tailOf } from './lines.ts';
import { collect, OUTPUT_LIMIT } from './output.ts';

/** This machine, through Node's fs and child_process. */
export async function connectLocal(device: Device): Promise<Connection> {
  return new LocalConnection(device);
}

class LocalConnection implements Connection {
  readonly lost = new Promise<never>(() => {});
  readonly device: Device;
  readonly #running = new Set<ChildProcessWithoutNullStreams>();

  constructor(device: Device) {
    this.device = device;
  }

  async readFile(path: string): Promise<string> {
    return this.#named(path, 'read', () => readFile(path, 'utf8'));
  }

  async list(path: string): Promise<string[]> {
    return this.#named(path, 'read', async () => (await readdir(path)).sort());
  }

  exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    const name = argv[0] ?? '';
    return new Promise((resolve, reject) => {
      if (options.signal?.aborted) return reject(new FleetError(`${this.device.id}: ${name} was cancelled`));
      const child = this.#start(argv, options.env);
      let timer: NodeJS.Timeout | undefined;
      const giveUp = (why: string) => {
        killGroup(child, 'SIGKILL');
        settle(() => reject(new FleetError(`${this.device.id}: ${name} ${why}`)));
      };
      const cancel = () => giveUp('was cancelled');
      const settle = (answer: () => void) => {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', cancel);
        answer();
      };
      if (options.timeoutMs)
        timer = setTimeout(() => giveUp(`did not end within ${(options.timeoutMs ?? 0) / 1000} s and was stopped`), options.timeoutMs);
      options.signal?.addEventListener('abort', cancel, { once: true });
      const flood = () => giveUp(`wrote more than ${OUTPUT_LIMIT / 2 ** 20} MiB and was stopped`);
      const stdout = collect(child.stdout, flood);
      const stderr = collect(child.stderr, flood);
      child.once('error', (error: NodeJS.ErrnoException) => {
        const code = error.code === 'ENOENT' ? 127 : 126;
        settle(() => resolve({ code, stdout: '', stderr: `${name}: ${code === 127 ? 'not found' : error.message}` }));
      });
      child.once('close', (code, signal) => settle(() => resolve({ code: code ?? 128 + signalNumber(signal), stdout: stdout(), stderr: stderr() })));
      child.stdin.end(options.input ?? '');
    });
  }

  async spawn(argv: readonly string[], options: { env?: Record<string, string> } = {}): Promise<HostProcess> {
    const child = this.#start(argv, options.env);
    const lines = new LineQueue(child.stdout);
    const stderr = tailOf(child.stderr);
    const exited = new Promise<Awaited<HostProcess['exited']>>((resolve) => {
      child.once('exit', (code, signal) => {
        const answer = () => resolve({ code, signal, stderr: stderr() });
        child.once('close', answer);
        setTimeout(answer, 500).unref(); // a reader that stopped reading, or a grandchild with our stdout, keeps 'close' away
      });
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) =>
        reject(new FleetError(`${this.device.id}: ${argv[0]} could not be started: ${error.message}`, { cause: error })),
      );
    });
    return {
      pid: child.pid as number,
      lines,
      exited,
      write: (line) => void child.stdin.write(`${line}\n`),
      end: () => void child.stdin.end(),
      kill: (signal) => void child.kill(signal),
    };
  }

  async upload(local: string, remote: string, options: { mode?: number; onProgress?: (done: number, total: number) => void } = {}): Promise<void> {
    const part = `${remote}.part-${randomBytes(4).toString('hex')}`; // another process may bring the same file
    await this.#named(remote, 'written', async () => {
      await mkdir(dirname(remote), { recursive: true });
      const { size } = await stat(local);
      options.onProgress?.(0, size);
      try {
        await copyFile(local, part, constants.COPYFILE_FICLONE);
        await chmod(part, options.mode ?? 0o644);
        await rename(part, remote);
      } finally {
        await rm(part, { force: true });
      }
      options.onProgress?.(size, size);
    });
  }

  async writeFile(path: string, text: string, mode = 0o644): Promise<void> {
    const part = `${path}.part-${randomBytes(4).toString('hex')}`;
    await this.#named(path, 'written', async () => {
      await mkdir(dirname(path), { recursive: true });
      try {
        await writeFile(part, text, { mode });
        await chmod(part, mode);
        await rename(part, path);
      } finally {
        await rm(part, { force: true });
      }
    });
  }

  async close(): Promise<void> {
    for (const child of this.#running) killGroup(child, 'SIGKILL');
  }

  /** In a process group of its own, so that it can be ended with all its children, and guarded against outliving us. */
  #start(argv: readonly string[], env: Record<string, string> = {}): ChildProcessWithoutNullStreams {
    const child = spawn(argv[0] ?? '', argv.slice(1), { env: { ...process.env, ...env }, detached: true, stdio: 'pipe' });
    child.stdin.on('error', () => {}); // the program may end without reading its stdin
    const { pid } = child;
    if (pid !== undefined) {
      this.#running.add(child);
      protect(pid);
      child.once('exit', () => {
        this.#running.delete(child);
        release(pid);
      });
    }
    return child;
  }

  async #named<T>(path: string, verb: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const why =
        { ENOENT: 'it does not exist', EACCES: 'permission denied', ENOSPC: 'the disk is full: make room and run it again' }[code ?? ''] ?? message;
      throw new FleetError(`${this.device.id}: ${path} cannot be ${verb}: ${why}`, { cause: error });
    }
  }
}

function killGroup(child: ChildProcessWithoutNullStreams, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // it has ended meanwhile
  }
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal ? os.signals[signal] : 0;
}
