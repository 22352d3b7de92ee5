import { once } from 'node:events';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientChannel } from 'ssh2';
import type { Device } from '../../core/device.ts';
import { FleetError, reason, UsageError } from '../../core/errors.ts';
import type { ExecOptions, ExecResult, HostProcess } from '../../core/host.ts';
import { lastWords } from '../../core/last_words.ts';
import type { Connection, ConnectOptions } from '../connection.ts';
import { Channels } from './channels.ts';
import { LineQueue, tailOf } from './lines.ts';
import { collect, OUTPUT_LIMIT } from './output.ts';
import { askHidden } from './prompt.ts';
import { commandLine } from './shell.ts';
import { resolveEndpoint } from './ssh_config.ts';
import { type OpenLink, openLink } from './ssh_link.ts';
import { Started, startLine } from './started.ts';
import { type Input, uploadThrough } from './upload.ts';

/** A device behind SSH: one connection carries every command and file; files go through `cat`, so that no SFTP is needed there. */
export async function connectSsh(device: Device, options: ConnectOptions): Promise<Connection> {
  if (device.host === undefined) throw new UsageError(`device ${device.id} has no \`host:\`; give its name or address in devices/${device.id}.yaml`);
  const { host, port, user, identity, jump } = device;
  const endpoint = await resolveEndpoint({
    host,
    ...(port !== undefined && { port }),
    ...(user !== undefined && { user }),
    ...(identity !== undefined && { identity }),
    ...(jump !== undefined && { jump }),
  });
  try {
    const link = await openLink(endpoint, {
      acceptNewHostKey: options.acceptNewHostKey ?? false,
      ...(options.confirmHostKey && { confirmHostKey: options.confirmHostKey }),
      passwordEnv: device.password_env,
      ask: options.askPassword ?? askHidden,
      log: options.log ?? (() => {}),
    });
    return new SshConnection(device, link);
  } catch (error) {
    throw error instanceof FleetError ? new FleetError(`device ${device.id}: ${error.message}`, { cause: error, exitCode: error.exitCode }) : error;
  }
}

interface Running {
  channel: ClientChannel;
  /** stdout of the program, and its process id. */
  started: Started;
  /** Resolves when the program has ended and its output was read; rejects where the channel ended without a word. */
  ended: Promise<{ code: number | null; signal: string | null }>;
}

export class SshConnection implements Connection {
  readonly device: Device;
  readonly lost: Promise<never>;
  readonly #link: OpenLink;
  readonly #channels = new Channels();
  readonly #pending = new Set<(error: Error) => void>();
  readonly #signals = new Set<Promise<void>>();
  #gone: FleetError | null = null;

  constructor(device: Device, link: OpenLink) {
    this.device = device;
    this.#link = link;
    this.lost = link.lost.catch((error: unknown) => {
      throw this.#end(`${reason(error)}`);
    });
    this.lost.catch(() => {});
  }

  async readFile(path: string): Promise<string> {
    const { code, stdout, stderr } = await this.exec(['cat', '--', path]);
    if (code !== 0) throw this.#error(`${path} cannot be read: ${lastWords(stderr, code)}`);
    return stdout;
  }

  async list(path: string): Promise<string[]> {
    const { code, stdout, stderr } = await this.exec(['sh', '-c', 'cd -- "$1" && ls -1A', 'sh', path]);
    if (code !== 0) throw this.#error(`${path} cannot be read: ${lastWords(stderr, code)}`);
    return stdout.split('\n').filter(Boolean).sort();
  }

  exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return this.run(argv, options.input ?? '', options);
  }

  /** exec whose stdin may be a stream. */
  async run(argv: readonly string[], input: Input, options: Omit<ExecOptions, 'input'> = {}): Promise<ExecResult> {
    const name = argv[0] ?? '';
    if (options.signal?.aborted) throw this.#error(`${name} was cancelled`);
    const running = await this.#start(argv, options.env);
    const { channel, started, ended } = running;
    let timer: NodeJS.Timeout | undefined;
    let cancel = () => {};
    try {
      return await this.#unlessLost<ExecResult>((resolve, reject) => {
        let stopping: Promise<void> | null = null;
        const giveUp = (why: string) => {
          stopping ??= this.#kill(running).then(() => reject(this.#error(`${name} ${why}`))); // nothing runs on after the answer
        };
        cancel = () => giveUp('was cancelled');
        options.signal?.addEventListener('abort', cancel, { once: true });
        if (options.signal?.aborted) cancel(); // while it was being started
        const { timeoutMs } = options;
        if (timeoutMs) timer = setTimeout(() => giveUp(`did not end within ${timeoutMs / 1000} s and was stopped`), timeoutMs);
        const flood = () => giveUp(`wrote more than ${OUTPUT_LIMIT / 2 ** 20} MiB and was stopped`);
        const flooded = () => giveUp('was not started: the login shell floods; look what it runs for commands over SSH');
        if (started.flooded) flooded();
        started.once('flood', flooded);
        const stdout = collect(started, flood);
        const stderr = collect(channel.stderr, flood);
        ended.then(({ code, signal }) => {
          const status = code ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
          if (stopping) return;
          if (started.pid !== null || status === 127) resolve({ code: status, stdout: stdout(), stderr: stderr() });
          else reject(this.#error(`its login shell did not start ${name}: ${lastWords(stderr() || started.noise, status)}`));
        }, reject);
        if (typeof input === 'string') channel.end(input);
        else {
          input.once('error', (error) => giveUp(`was given up: ${reason(error)}`));
          input.pipe(channel);
        }
      });
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', cancel);
      if (typeof input !== 'string') input.destroy();
    }
  }

  async spawn(argv: readonly string[], options: { env?: Record<string, string> } = {}): Promise<HostProcess> {
    const { channel, started, ended } = await this.#start(argv, options.env, true);
    const lines = new LineQueue(started, ended);
    const stderr = tailOf(channel.stderr);
    const pid = await this.#unlessLost<number>((resolve, reject) => {
      if (started.pid !== null) return resolve(started.pid);
      started.once('started', () => resolve(started.pid as number));
      ended.then(({ code }) => reject(this.#error(`${argv[0]} could not be started: ${lastWords(stderr() || started.noise, code)}`)), reject);
    });
    const exited = this.#unlessLost<Awaited<HostProcess['exited']>>((resolve, reject) => {
      const answer = (end: { code: number | null; signal: string | null }) => resolve({ ...end, stderr: stderr() });
      ended.then(answer, reject);
      // A reader that stopped reading keeps the channel from closing.
      channel.once('exit', (code: number | null, signal?: string) => setTimeout(() => answer({ code, signal: signal ?? null }), 500).unref());
    });
    exited.catch((error: Error) => lines.fail(error));
    return {
      pid,
      lines,
      exited,
      write: (line) => void channel.write(`${line}\n`),
      end: () => void channel.end(),
      kill: (signal) => void this.#signal(channel, pid, signal === 'SIGKILL' ? 'KILL' : 'TERM'),
    };
  }

  upload(local: string, remote: string, options: { mode?: number; onProgress?: (done: number, total: number) => void } = {}): Promise<void> {
    return uploadThrough(this, local, remote, options);
  }

  async writeFile(path: string, text: string, mode = 0o644): Promise<void> {
    const { code, stderr } = await this.exec(['sh', '-c', WRITE, 'sh', path, mode.toString(8), String(Buffer.byteLength(text))], { input: text });
    if (code !== 0) throw this.#error(`${path} cannot be written: ${lastWords(stderr, code)}`);
  }

  async close(): Promise<void> {
    await Promise.all(this.#signals); // a program told to end must hear of it
    await this.#link.end();
    this.#end('the connection is closed');
  }

  async #start(argv: readonly string[], env?: Record<string, string>, lasting = false): Promise<Running> {
    const line = startLine(argv, env);
    let delay = 50;
    for (;;) {
      await this.#unlessLost<void>((resolve) => void this.#channels.enter().then(resolve));
      try {
        return await this.#unlessLost<Running>((resolve, reject) => {
          this.#link.client.exec(line, (error, channel) => (error ? reject(error) : resolve(this.#watch(channel, lasting))));
        });
      } catch (error) {
        if (this.#gone) throw this.#gone;
        const refused = /channel open failure/i.test(reason(error));
        if (!refused) this.#channels.leave();
        else if (this.#channels.refused()) continue;
        else if (delay < 2000) {
          await sleep(delay); // a session that has just ended may still count
          delay *= 3;
          continue;
        }
        throw this.#error(`${argv[0]} could not be started: ${reason(error)}; does its sshd allow more sessions (MaxSessions)?`);
      }
    }
  }

  /** To be called as soon as the channel is there: a quick program's whole life may have come in the same packet, and nothing is said twice. */
  #watch(channel: ClientChannel, lasting: boolean): Running {
    this.#channels.opened(lasting);
    channel.once('close', () => this.#channels.closed(lasting));
    channel.on('error', () => {});
    const started = channel.pipe(new Started());
    return { channel, started, ended: this.#ended(channel, started) };
  }

  #ended(channel: ClientChannel, started: Started): Running['ended'] {
    const ended = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
      let end: { code: number | null; signal: string | null } | null = null;
      channel.once('exit', (code: number | null, signal?: string) => {
        end = { code, signal: signal ?? null };
      });
      let parts = 2;
      const settle = () => {
        if (--parts > 0) return;
        if (end) resolve(end);
        else setTimeout(() => reject(this.#error('a program ended without an exit status; the link may be lost')), 1000); // the loss says it better
      };
      channel.once('close', settle);
      started.once('end', settle);
    });
    ended.catch(() => {});
    return ended;
  }

  /** A promise that rejects at once when the link is lost. */
  #unlessLost<T>(work: (resolve: (value: T) => void, reject: (error: unknown) => void) => void): Promise<T> {
    const promise = new Promise<T>((resolve, reject) => {
      if (this.#gone) return reject(this.#gone);
      this.#pending.add(reject);
      const settled = () => this.#pending.delete(reject);
      const done =
        <A>(settle: (value: A) => void) =>
        (value: A) => {
          settled();
          settle(value);
        };
      work(done(resolve), done(reject));
    });
    promise.catch(() => {});
    return promise;
  }

  #end(why: string): FleetError {
    this.#gone ??= this.#error(why);
    for (const reject of this.#pending) reject(this.#gone);
    this.#pending.clear();
    return this.#gone;
  }

  /** Ends a program and the children in its process group, and lets go of its channel. */
  async #kill({ channel, started, ended }: Running): Promise<void> {
    if (started.pid === null && !started.flooded)
      await Promise.race([once(started, 'started'), ended, sleep(5000, null, { ref: false })]).catch(() => {}); // a slow login shell
    if (started.pid !== null) await this.#signal(channel, -started.pid, 'KILL');
    channel.close();
  }

  /** Best effort: kill(1) over a channel beyond the waiting ones. A negative id is a process group. */
  #signal(channel: ClientChannel, pid: number, signal: 'TERM' | 'KILL'): Promise<void> {
    const done = this.#sendSignal(channel, commandLine(['kill', '-s', signal, '--', String(pid)]), signal);
    this.#signals.add(done);
    return done.finally(() => this.#signals.delete(done));
  }

  async #sendSignal(channel: ClientChannel, command: string, signal: string): Promise<void> {
    for (const delay of [50, 150, 450]) {
      const sent = await new Promise<boolean>((resolve) => {
        if (this.#gone) return resolve(true);
        setTimeout(() => resolve(true), 2000).unref();
        this.#link.client.exec(command, (error, kill) => {
          if (error) return resolve(false);
          kill.once('close', () => resolve(true));
          kill.resume();
          kill.stderr.resume();
        });
      });
      if (sent) return;
      await sleep(delay); // the server allows no more sessions; one that has just ended may still count
    }
    if (!this.#gone) channel.signal(signal); // needs no session, but sshd passes none on to the programs of root
  }

  #error(what: string): FleetError {
    return new FleetError(`device ${this.device.id}: ${what}`);
  }
}

/** Whole or not at all: a cut link leaves fewer bytes than said, and then nothing is put in place. */
const WRITE = `
part="$1.part-$$"; umask 077
mkdir -p -- "$(dirname -- "$1")" && cat > "$part" && [ "$(wc -c < "$part")" -eq "$3" ] && chmod "$2" "$part" && mv -f -- "$part" "$1" && exit 0
rm -f -- "$part"; exit 1`;
