import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Device } from '../../src/core/device.ts';
import { temporaryFolder } from './folder.ts';

const BINARY = '/usr/sbin/sshd';
/** Longest time, ms, in which a server must begin to answer: its mounts take long on a busy machine. */
const PATIENCE = 120_000;

/** For node:test's `skip`: why no sshd can be started here, or false. */
export const sshdMissing: string | false = existsSync(BINARY) ? false : `${BINARY} is absent (Debian: apt install openssh-server)`;

/** For `skip`: why a server cannot have a disk of its own here, or false. */
export const noMounts: string | false =
  sshdMissing || (userInfo().uid === 0 && spawnSync('unshare', ['-m', 'true']).status === 0 ? false : 'needs root and unshare, for a small disk');

export interface SshdOptions {
  /** Sessions on one connection; OpenSSH's default is 10. */
  maxSessions?: number;
  /** Variables set in every session. */
  environment?: Record<string, string>;
  hostKeyType?: 'ed25519' | 'ecdsa' | 'rsa';
  /** More lines for sshd_config; they win over those written here. */
  config?: string[];
  /** Put the host key into the client's known_hosts (default true). */
  known?: boolean;
  /** Address to listen on; default 127.0.0.1. */
  address?: string;
  /** The sessions see a workdir of this size, in MiB, on a disk of its own. Needs root: see `noMounts`. */
  diskMiB?: number;
  /** A shell script that changes the mounts which sshd and its sessions see, before it starts; "$1" is the server's folder. Needs root: see `noMounts`. */
  mounts?: string;
  /** User to be let in as; default the one who runs the tests. */
  user?: string;
}

/** A real OpenSSH server of the tests' own: its keys, port and folders; no file of the machine is touched. */
export interface Sshd {
  readonly port: number;
  readonly user: string;
  /** Private key that is let in. */
  readonly identity: string;
  /** Folder of the server: keys, config, log. */
  readonly folder: string;
  /** Where devices of this server keep their files: their `workdir`. */
  readonly workdir: string;
  /** Text of the public host key: "ssh-ed25519 AAAA...". */
  readonly hostKey: string;
  log(): string;
  /** A device behind this server. */
  device(id: string, more?: Partial<Device>): Device;
  /** kill -9 of every session (the listener lives on); resolves with how many processes were killed. */
  killSessions(): Promise<number>;
  /** Stops every session where it stands: the link stays open and silent. */
  freezeSessions(): void;
  /** Process id of the listener, from which sessions inherit what it is in. */
  readonly listener: number;
  /** Process ids of the sessions. */
  sessions(): number[];
  /** Ends the listener and the sessions; the port stays this server's for `restart`. */
  stop(): Promise<void>;
  /** Starts again on the same port, with the same host key or a new one. */
  restart(options?: { newHostKey?: boolean }): Promise<void>;
}

let home: string | null = null;

/** How to end each server at the exit of the tests, whatever became of them. */
const servers = new Set<() => void>();

/**
 * The client's home of this test process: HOME points to it from the first call on, so that known_hosts, keys and ~/.ssh/config are the
 * tests' own. Removed at exit.
 */
export function clientHome(): string {
  if (home) return home;
  const folder = temporaryFolder('home');
  mkdirSync(join(folder, '.ssh'), { mode: 0o700 });
  process.env.HOME = folder;
  delete process.env.SSH_AUTH_SOCK;
  home = folder;
  return folder;
}

export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const known = join(clientHome(), '.ssh/known_hosts');
  const folder = mkdtempSync(join(tmpdir(), 'fleet-sshd-'));
  const user = options.user ?? userInfo().username;
  const address = options.address ?? '127.0.0.1';
  const identity = join(folder, 'client_key');
  const hostKeyFile = join(folder, 'host_key');
  const workdir = join(folder, 'work');
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 }); // privilege separation wants it; a new machine lacks it
  mkdirSync(workdir);
  makeKey('ed25519', identity);
  makeKey(options.hostKeyType ?? 'ed25519', hostKeyFile);
  writeFileSync(join(folder, 'authorized_keys'), readFileSync(`${identity}.pub`), { mode: 0o600 });
  const variables = Object.entries(options.environment ?? {}).map(([name, value]) => `"${name}=${value}"`);
  const configuration = [
    ...(options.config ?? []), // sshd keeps the first of two lines
    `ListenAddress ${address}`,
    `HostKey ${hostKeyFile}`,
    `PidFile ${join(folder, 'pid')}`,
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    'UsePAM no',
    'StrictModes no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin yes',
    'PrintMotd no',
    'UseDNS no',
    `MaxSessions ${options.maxSessions ?? 10}`,
    'MaxStartups 100',
    ...(variables.length ? [`SetEnv ${variables.join(' ')}`] : []),
  ];

  let port = 0;
  let listener: ChildProcess | null = null;
  const start = async () => {
    const command = [BINARY, '-D', '-e', '-f', join(folder, 'sshd_config')];
    // In mounts of its own; every step becomes the next, so that the process is sshd in the end.
    const disk = 'mount -t tmpfs -o "size=$1m" none "$2" && shift 2 && exec "$@"';
    if (options.diskMiB) command.unshift('unshare', '-m', 'sh', '-c', disk, 'sh', String(options.diskMiB), workdir);
    if (options.mounts) command.unshift('unshare', '-m', 'sh', '-ec', `${options.mounts}\nshift; exec "$@"`, 'sh', folder);
    const child = spawn(command[0] as string, command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (chunk: Buffer) => appendFileSync(join(folder, 'log'), chunk));
    listener = child;
    for (const deadline = Date.now() + PATIENCE; Date.now() < deadline && !over(child); ) {
      if (await answers(port, address)) return;
      await sleep(50);
    }
    if (over(child) && !child.stderr.closed) await once(child.stderr, 'close'); // its last words
    throw new Error(`sshd did not start: ${log()}`);
  };
  const log = () => (existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8') : '');
  const hostKey = () => readFileSync(`${hostKeyFile}.pub`, 'utf8').split(' ').slice(0, 2).join(' ').trim();
  const sessions = () => (listener?.pid === undefined ? [] : sshdsBelow(listener.pid));
  const killSessions = async () => {
    const pids = sessions();
    for (const pid of pids) kill(pid);
    while (sessions().some((pid) => pids.includes(pid))) await sleep(5); // a client that comes back at once has others
    return pids.length;
  };
  const stop = async () => {
    if (!listener) return;
    const ended = over(listener) ? null : once(listener, 'exit');
    const pids = sessions();
    listener.kill('SIGKILL');
    for (const pid of pids) kill(pid);
    await ended;
    listener = null;
  };
  if (servers.size === 0) process.once('exit', () => servers.forEach((end) => void end()));
  servers.add(() => {
    for (const pid of sessions()) kill(pid);
    listener?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  for (let taken = 0; port === 0; taken++) {
    port = await freePort(address);
    writeFileSync(join(folder, 'sshd_config'), [...configuration, `Port ${port}`, ''].join('\n'));
    await start().catch((error) => {
      if (taken === 5 || !/Address already in use/.test(log())) throw error;
      port = 0; // another process was quicker: another port
    });
  }
  if (options.known ?? true) appendFileSync(known, `[${address}]:${port} ${hostKey()}\n`);
  return {
    port,
    user,
    identity,
    folder,
    workdir,
    get hostKey() {
      return hostKey();
    },
    log,
    device: (id, more = {}) => Device.parse({ id, connector: 'ssh', host: address, port, user, identity, workdir: join(workdir, id), ...more }),
    killSessions,
    freezeSessions: () => sessions().forEach((pid) => void kill(pid, 'SIGSTOP')),
    get listener() {
      return listener?.pid ?? 0;
    },
    sessions,
    stop,
    restart: async ({ newHostKey = false } = {}) => {
      await stop();
      if (newHostKey) {
        rmSync(hostKeyFile);
        rmSync(`${hostKeyFile}.pub`);
        makeKey(options.hostKeyType ?? 'ed25519', hostKeyFile);
      }
      await start();
    },
  };
}

/** Makes a key pair at `file` and `file`.pub. */
export function makeKey(type: string, file: string, passphrase = ''): void {
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'fleet test', '-f', file]);
}

async function freePort(address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, address, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function answers(port: number, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, address);
    socket.once('data', () => socket.destroy());
    socket.once('error', () => resolve(false));
    socket.once('close', (failed) => resolve(!failed));
  });
}

/** Whether a process has ended, by itself or by a signal. */
function over({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Session processes of a listener: the privileged ones and, below them, those of the user. */
function sshdsBelow(listener: number): number[] {
  const parents = new Map<number, { parent: number; name: string }>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'utf8');
      const close = text.lastIndexOf(')');
      const [state, parent] = text.slice(close + 2).split(' ');
      if (state !== 'Z') parents.set(Number(name), { parent: Number(parent), name: text.slice(text.indexOf('(') + 1, close) });
    } catch {
      // it has ended meanwhile
    }
  }
  const found: number[] = [];
  for (let front = [listener]; front.length > 0; ) {
    front = [...parents].filter(([, { parent, name }]) => front.includes(parent) && name.startsWith('sshd')).map(([pid]) => pid);
    found.push(...front);
  }
  return found;
}

function kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it has ended meanwhile
  }
}
