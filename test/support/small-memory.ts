// npm run small-memory [-- -m MODEL --memory MB --disk MB/s]: a device of little memory and a slow card, out of this machine: a real sshd in
// control groups of its own (cgroup v1, root), over which `fleet bench` measures. What the processor does is this machine's.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startSshd } from './sshd.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', short: 'm', default: 'bitnet-2b-4t' },
    suite: { type: 'string', short: 's', default: 'pair' },
    memory: { type: 'string', default: '1000' },
    disk: { type: 'string', default: '22' },
    folder: { type: 'string', default: '.fleet' },
  },
});
const [memory, disk] = [Number(values.memory) * 1e6, Number(values.disk) * 1e6];

/** This process's group of a controller. */
function groupOf(controller: string): string {
  const line = readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .find((text) => text.split(':')[1]?.split(',').includes(controller));
  return join('/sys/fs/cgroup', controller, line?.split(':')[2] ?? '/');
}

/** "254:0" of the disk that a folder lies on. */
function diskOf(folder: string): string {
  const { dev } = statSync(folder);
  return `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
}

mkdirSync(values.folder, { recursive: true });
const workdir = mkdtempSync(join(values.folder, 'small-memory-'));
const groups = ['memory', 'blkio'].map((controller) => join(groupOf(controller), `fleet-${process.pid}`));
const [inMemory = '', inDisk = ''] = groups;
if (!existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes')) throw new Error('this needs root and cgroup v1 (memory, blkio) under /sys/fs/cgroup');
const sshd = await startSshd();
let status = 1;
try {
  for (const group of groups) mkdirSync(group);
  writeFileSync(join(inMemory, 'memory.limit_in_bytes'), String(memory));
  writeFileSync(join(inDisk, 'blkio.throttle.read_bps_device'), `${diskOf(workdir)} ${disk}`);
  for (const group of groups) writeFileSync(join(group, 'cgroup.procs'), String(sshd.listener));
  const devices = join(sshd.folder, 'devices');
  mkdirSync(devices);
  const lines = [
    'host: 127.0.0.1',
    `port: ${sshd.port}`,
    `user: ${sshd.user}`,
    `identity: ${sshd.identity}`,
    `workdir: ${join(process.cwd(), workdir)}`,
  ];
  writeFileSync(join(devices, 'one-gigabyte.yaml'), `${lines.join('\n')}\n`);
  const argv = ['bench', '--devices', devices, '-d', 'one-gigabyte', '-m', values.model, '-s', values.suite];
  // The first run packs the weights, as the first one on any device does; the second is what every later start is.
  for (let i = 0; i < 2; i++) status = spawnSync('./fleet', argv, { stdio: 'inherit' }).status ?? 1;
  const told = readFileSync(join(inMemory, 'memory.max_usage_in_bytes'), 'utf8').trim();
  const failures = readFileSync(join(inMemory, 'memory.failcnt'), 'utf8').trim();
  process.stderr.write(`the group held ${(Number(told) / 1e6).toFixed(0)} MB at most of ${values.memory}, and was refused ${failures} times\n`);
} finally {
  await sshd.stop();
  for (const group of groups) {
    for (let i = 0; i < 50; i++) {
      try {
        rmdirSync(group);
        break;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100)); // its last process is ending
      }
    }
  }
  rmSync(workdir, { recursive: true, force: true });
}
process.exitCode = status;
