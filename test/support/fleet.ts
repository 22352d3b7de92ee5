import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import { temporaryFolder } from './folder.ts';
import { until } from './job.ts';
import { clientHome, makeKey, sshdMissing } from './sshd.ts';

/** For `skip`: why no device can have namespaces of its own here, or false. */
export const noNamespaces: string | false =
  sshdMissing ||
  (userInfo().uid === 0 &&
  spawnSync('unshare', ['--net', '--mount', '--uts', '--pid', '--fork', 'ip', 'link', 'add', 'fleet0', 'type', 'bridge'], { stdio: 'ignore' })
    .status === 0
    ? false
    : 'needs root, unshare and ip, for devices with a network, disk and processes of their own');

export interface DeviceOptions {
  /** Size of a disk of its own for its workdir; such a disk is empty after a reboot. */
  diskMiB?: number;
  /** Whether it has Node (default true). */
  node?: boolean;
  /** Variables of every session. */
  environment?: Record<string, string>;
  /** More lines for sshd_config; they win over those written here. */
  config?: readonly string[];
  /** The client's key is let in (default true). */
  known?: boolean;
  /** What becomes process 1; default: device.sh, an x86-64 device on the files of this machine. */
  init?: { script: string; environment: Record<string, string> };
}

/** A real OpenSSH server as a machine of its own: network, host name, processes and boot are not those of the others. */
export interface FleetDevice {
  readonly id: string;
  readonly address: string;
  /** Of its keys, its log and its disk. */
  readonly folder: string;
  readonly workdir: string;
  /** Writes devices/<id>.yaml. It says `emulated`: what many devices on the cores of one machine measure means no more than that. */
  declare(devices: string, more?: Record<string, unknown>): void;
  /** Command lines of everything that runs there, but for sshd and what keeps it running. */
  programs(): string[];
  /** Sends a signal (kill -9) to all programs there whose command line holds the text; answers with how many there were. */
  signal(text: string, signal?: NodeJS.Signals): number;
  /** kill -9 of sshd and every session; its init starts it again a second later. */
  killSshd(): void;
  /** Runs a command there, as root. */
  run(...command: string[]): string;
  /** Pulls the cable out, or puts it in. */
  setLink(up: boolean): void;
  /** Bytes a second that its cable carries towards it, from now on. */
  slowDown(bytesPerSecond: number): void;
  /** Ends everything at once, as pulling the plug does. */
  powerOff(): Promise<void>;
  /** Boots: what is on its disk is still there, what ran is not. */
  powerOn(): Promise<void>;
  /** From the next connection on it shows another key. */
  changeHostKey(): void;
}

/** Devices and one controller's place on a network that only they see. All of it is gone when this process ends, however it ends. */
export class Fleet {
  readonly folder: string;
  readonly devices: FleetDevice[] = [];
  readonly #identity: string;
  readonly #keeper: ChildProcess;
  readonly #pid: number;

  private constructor(folder: string, keeper: ChildProcess, pid: number) {
    this.folder = folder;
    this.#keeper = keeper;
    this.#pid = pid;
    this.#identity = join(folder, 'client_key');
    makeKey('ed25519', this.#identity);
  }

  static async start(): Promise<Fleet> {
    const folder = temporaryFolder('fleet');
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const script =
      'read -r pid _ < /proc/self/stat; ip link set lo up; ip link add fleet0 type bridge; ip addr add 10.77.0.1/16 dev fleet0; ip link set fleet0 up; echo "$pid"; cat';
    const keeper = spawn('unshare', ['--net', '--pid', '--fork', '--kill-child', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    return new Fleet(folder, keeper, Number(await firstLine(keeper)));
  }

  /** For `within` of the command line: the controller's place on the network. */
  get within(): string[] {
    return ['nsenter', '--target', String(this.#pid), '--net', '--'];
  }

  /** Makes devices and waits until their servers answer. */
  async add(ids: readonly string[], options: DeviceOptions = {}): Promise<FleetDevice[]> {
    const made = ids.map((id, i) => new Machine(this, id, this.devices.length + i, this.#identity, options));
    this.devices.push(...made);
    await Promise.all(made.map((device) => device.powerOn()));
    return made;
  }

  /** Runs a command at the controller's place. */
  net(...command: string[]): string {
    const [program = '', ...rest] = [...this.within, ...command];
    return execFileSync(program, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Starts a program as process 1 of namespaces of its own within the fleet's. */
  spawn(script: string, env: Record<string, string>, log: number): ChildProcess {
    const place = ['--target', String(this.#pid), '--net', '--pid', '--', 'unshare', '--net', '--mount', '--uts', '--pid', '--fork', '--kill-child'];
    return spawn('nsenter', [...place, 'sh', script], { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', log] });
  }

  async stop(): Promise<void> {
    if (this.#keeper.exitCode !== null || this.#keeper.signalCode !== null) return;
    const ended = once(this.#keeper, 'exit');
    this.#keeper.stdin?.end();
    await ended;
  }
}

/** Command lines of sshd and its sessions, and of what keeps it running. */
const SSHD = /^(\S*\/)?sshd(:|\s|$)/;
const INIT = /^(\S*\/)?sh \S*\.sh$|^(\S*\/)?sleep 1$|^$/;

class Machine implements FleetDevice {
  readonly id: string;
  readonly address: string;
  readonly folder: string;
  readonly workdir: string;
  readonly #fleet: Fleet;
  readonly #number: number;
  readonly #identity: string;
  readonly #options: DeviceOptions;
  #boots = 0;
  #pid = 0;
  #process: ChildProcess | null = null;

  constructor(fleet: Fleet, id: string, number: number, identity: string, options: DeviceOptions) {
    this.#fleet = fleet;
    this.#number = number;
    this.#identity = identity;
    this.#options = options;
    this.id = id;
    this.address = `10.77.${1 + Math.floor(number / 250)}.${1 + (number % 250)}`;
    this.folder = join(fleet.folder, id);
    this.workdir = join(this.folder, 'work');
    mkdirSync(this.workdir, { recursive: true });
    this.changeHostKey();
    appendFileSync(join(clientHome(), '.ssh/known_hosts'), `${this.address} ${readFileSync(join(this.folder, 'host_key.pub'), 'utf8')}`);
    writeFileSync(join(this.folder, 'authorized_keys'), (options.known ?? true) ? readFileSync(`${identity}.pub`) : '', { mode: 0o600 });
    const variables = Object.entries(options.environment ?? {}).map(([name, value]) => `"${name}=${value}"`);
    writeFileSync(
      join(this.folder, 'sshd_config'),
      [
        ...(options.config ?? []), // sshd keeps the first of two lines
        `HostKey ${join(this.folder, 'host_key')}`,
        `AuthorizedKeysFile ${join(this.folder, 'authorized_keys')}`,
        ...['PidFile none', 'UsePAM no', 'UseDNS no', 'StrictModes no', 'PasswordAuthentication no', 'KbdInteractiveAuthentication no'],
        ...['PermitRootLogin yes', 'PrintMotd no', 'MaxStartups 100'],
        ...(variables.length ? [`SetEnv ${variables.join(' ')}`] : []),
        '',
      ].join('\n'),
    );
  }

  declare(devices: string, more: Record<string, unknown> = {}): void {
    const device = { host: this.address, user: 'root', identity: this.#identity, workdir: this.workdir, emulated: true, ...more };
    writeFileSync(join(devices, `${this.id}.yaml`), stringify(device));
  }

  async powerOn(): Promise<void> {
    const { diskMiB, node = true, init } = this.#options;
    writeFileSync(join(this.folder, 'boot_id'), `${randomUUID()}\n`);
    const script = init?.script ?? join(import.meta.dirname, 'device.sh');
    const env = {
      ...{ NAME: this.id, ADDRESS: this.address, DIR: this.folder },
      ...{ DISK: diskMiB ? `${diskMiB}m` : '', HIDDEN: node ? '' : nodes().join(' ') },
      ...init?.environment,
    };
    const log = join(this.folder, 'log');
    const child = this.#fleet.spawn(script, env, openSync(log, 'w'));
    this.#process = child;
    this.#pid = Number(await firstLine(child));
    const hex = (n: number) => n.toString(16).padStart(2, '0');
    const mac = `02:00:0a:4d:${hex(this.#number >> 8)}:${hex(this.#number & 255)}`; // kept, so that no neighbour has to learn it anew
    this.#boots++;
    this.#fleet.net('ip', 'link', 'add', this.#cable, 'type', 'veth', 'peer', 'name', 'eth0', 'address', mac, 'netns', String(this.#pid));
    this.#fleet.net('ip', 'link', 'set', this.#cable, 'master', 'fleet0', 'up');
    await until(`the sshd of ${this.id}`, () => /Server listening/.test(readFileSync(log, 'utf8')));
  }

  async powerOff(): Promise<void> {
    const child = this.#process as ChildProcess;
    const ended = once(child, 'exit');
    process.kill(this.#pid, 'SIGKILL');
    await ended;
  }

  setLink(up: boolean): void {
    this.#fleet.net('ip', 'link', 'set', this.#cable, up ? 'up' : 'down');
  }

  slowDown(bytesPerSecond: number): void {
    const shape = ['rate', `${8 * bytesPerSecond}bit`, 'burst', '32kb', 'latency', '300ms'];
    this.#fleet.net('tc', 'qdisc', 'add', 'dev', this.#cable, 'root', 'tbf', ...shape);
  }

  run(...command: string[]): string {
    const place = ['--target', String(this.#pid), '--net', '--mount', '--uts', '--pid', '--'];
    return execFileSync('nsenter', [...place, ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  programs(): string[] {
    return this.#processes()
      .map(({ command }) => command)
      .filter((command) => !SSHD.test(command) && !INIT.test(command));
  }

  signal(text: string, signal: NodeJS.Signals = 'SIGKILL'): number {
    const found = this.#processes().filter(({ pid, command }) => pid !== this.#pid && command.includes(text));
    for (const { pid } of found) process.kill(pid, signal);
    return found.length;
  }

  killSshd(): void {
    for (const { pid } of this.#processes().filter(({ command }) => SSHD.test(command))) process.kill(pid, 'SIGKILL');
  }

  changeHostKey(): void {
    const file = join(this.folder, 'host_key');
    for (const name of [file, `${file}.pub`]) rmSync(name, { force: true });
    makeKey('ed25519', file);
  }

  get #cable(): string {
    return `d${this.#number}b${this.#boots}`;
  }

  #processes(): { pid: number; command: string }[] {
    const ours = readlinkSync(`/proc/${this.#pid}/ns/pid`);
    return readdirSync('/proc').flatMap((name) => {
      if (!/^\d+$/.test(name)) return [];
      try {
        if (readlinkSync(`/proc/${name}/ns/pid`) !== ours) return [];
        return [
          {
            pid: Number(name),
            command: readFileSync(`/proc/${name}/cmdline`, 'utf8')
              .replaceAll('\0', ' ')
              .trim()
              .replace(/^\S*\/qemu-\S+ /, ''),
          },
        ];
      } catch {
        return []; // it has ended meanwhile
      }
    });
  }
}

/** Every Node of this machine. */
function nodes(): string[] {
  const places = [process.execPath, ...(process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node'))];
  return [...new Set(places.filter((place) => existsSync(place)).map((place) => realpathSync(place)))];
}

async function firstLine(child: ChildProcess): Promise<string> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [line] = (await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => [''])])) as [string];
  lines.close();
  if (!/^\d+$/.test(line)) throw new Error('a device of the tests did not start');
  return line;
}
