// npm run small-memory [-- -m MODEL --memory MB --disk MB/s]: a device of little memory and a slow card, out of this machine: a real sshd in
// control groups of its own (root; version 1 or 2), over which `fleet bench` measures. What the processor does is this machine's.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Sshd, sshdMissing, startSshd } from './sshd.ts';

const OPTIONS = {
  model: { type: 'string', short: 'm', default: 'bitnet-2b-4t' },
  suite: { type: 'string', short: 's', default: 'pair' },
  memory: { type: 'string', default: '1000' },
  disk: { type: 'string', default: '22' },
  folder: { type: 'string', default: '.fleet' },
} as const;

const ROOT = '/sys/fs/cgroup';

/** What limits memory and disk: the groups to make, the files in them, and the one that tells the most that was held. */
interface Limits {
  groups: string[];
  writes: [file: string, text: string][];
  peak: string;
}

/** Under the groups of this process in version 1, under the root in version 2. Throws where neither limits memory. */
function limits(disk: string, memory: number, rate: number): Limits {
  const name = `fleet-${process.pid}`;
  if (existsSync(join(ROOT, 'memory/memory.limit_in_bytes'))) {
    const [inMemory, inDisk] = [join(groupOf('memory'), name), join(groupOf('blkio'), name)];
    const writes: Limits['writes'] = [
      [join(inMemory, 'memory.limit_in_bytes'), String(memory)],
      [join(inDisk, 'blkio.throttle.read_bps_device'), `${disk} ${rate}`],
    ];
    return { groups: [inMemory, inDisk], writes, peak: join(inMemory, 'memory.max_usage_in_bytes') };
  }
  if (!existsSync(join(ROOT, 'cgroup.subtree_control'))) throw new Error(`there are no control groups under ${ROOT} that limit memory and disks`);
  writeFileSync(join(ROOT, 'cgroup.subtree_control'), '+memory +io');
  const group = join(ROOT, name);
  const writes: Limits['writes'] = [
    [join(group, 'memory.max'), String(memory)],
    [join(group, 'io.max'), `${disk} rbps=${rate}`],
  ];
  return { groups: [group], writes, peak: join(group, 'memory.peak') };
}

/** This process's group of a controller of version 1. */
function groupOf(controller: string): string {
  const line = readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .find((text) => text.split(':')[1]?.split(',').includes(controller));
  return join(ROOT, controller, line?.split(':')[2] ?? '/');
}

/** "254:0" of the disk that a folder lies on. */
function diskOf(folder: string): string {
  const { dev } = statSync(folder);
  const number = `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
  const known = `/sys/dev/block/${number}`;
  if (!existsSync(known)) throw new Error(`${folder} lies on no disk of its own that could be made slow; name a folder that does with --folder`);
  return existsSync(join(known, 'partition')) ? readFileSync(join(realpathSync(known), '../dev'), 'utf8').trim() : number;
}

function positive(name: string, text: string): number {
  if (Number(text) > 0) return Number(text) * 1e6;
  throw new Error(`--${name} wants a number above 0, not "${text}"`);
}

/** `fleet bench` over an sshd within the limits, twice. Returns the status of the second. */
function bench(sshd: Sshd, workdir: string, model: string, suite: string): number {
  const devices = join(sshd.folder, 'devices');
  mkdirSync(devices);
  const lines = ['host: 127.0.0.1', `port: ${sshd.port}`, `user: ${sshd.user}`, `identity: ${sshd.identity}`, `workdir: ${realpathSync(workdir)}`];
  writeFileSync(join(devices, 'one-gigabyte.yaml'), `${lines.join('\n')}\n`);
  const argv = ['bench', '--devices', devices, '-d', 'one-gigabyte', '-m', model, '-s', suite];
  let status = 1;
  // The first run packs the weights, as the first one on any device does; the second is what every later start is.
  for (let i = 0; i < 2; i++) status = spawnSync('./fleet', argv, { stdio: 'inherit' }).status ?? 1;
  return status;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS });
  const [memory, rate] = [positive('memory', values.memory), positive('disk', values.disk)];
  if (sshdMissing) throw new Error(sshdMissing);
  if (process.getuid?.() !== 0) throw new Error('control groups can only be made by root; call it as root');
  mkdirSync(values.folder, { recursive: true });
  const { groups, writes, peak } = limits(diskOf(values.folder), memory, rate);
  const workdir = mkdtempSync(join(values.folder, 'small-memory-'));
  const sshd = await startSshd();
  try {
    for (const group of groups) mkdirSync(group);
    for (const [file, text] of writes) writeFileSync(file, text);
    for (const group of groups) writeFileSync(join(group, 'cgroup.procs'), String(sshd.listener));
    const status = bench(sshd, workdir, values.model, values.suite);
    const held = existsSync(peak) ? `${(Number(readFileSync(peak, 'utf8')) / 1e6).toFixed(0)} MB` : 'an unknown part';
    process.stderr.write(`the group held ${held} at most of ${values.memory} MB, pages of files included\n`);
    return status;
  } finally {
    await sshd.stop();
    for (const group of groups) await remove(group);
    rmSync(workdir, { recursive: true, force: true });
  }
}

/** Once its last process has ended. */
async function remove(group: string): Promise<void> {
  for (let i = 0; i < 50 && existsSync(group); i++) {
    try {
      rmdirSync(group);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`small-memory: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  },
);
