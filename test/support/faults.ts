import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceOptions, Fleet, FleetDevice } from './fleet.ts';
import { clientHome } from './sshd.ts';

type End = 'ok' | 'failed' | 'interrupted';

/** One thing that goes wrong on one device while a whole fleet is benched. */
export interface Fault {
  /** Of its device. */
  id: string;
  /** As people call it. */
  name: string;
  options?: DeviceOptions;
  /** More keys of the device's file. */
  declared?(device: FleetDevice, fleet: Fleet): Record<string, unknown>;
  /** Before the call. */
  prepare?(device: FleetDevice, fleet: Fleet): Promise<void> | void;
  /** What the controller says of the device when the fault strikes. */
  when?: RegExp;
  /** It strikes in the middle of a run. */
  midRun?: boolean;
  strike?(device: FleetDevice): Promise<void> | void;
  /** How its run ends; `ok` also where it is begun again. */
  ends: End | readonly End[];
  /** What the user is told: on stderr, or as the run's message. */
  says: RegExp;
  /** A flag of the run. */
  flag?: string;
  /** Why it cannot be tried here, or false. */
  missing?: string | false;
}

const FAKETIME = `/usr/lib/${{ x64: 'x86_64', arm64: 'aarch64' }[process.arch as string] ?? process.arch}-linux-gnu/faketime/libfaketime.so.1`;
const noFaketime = existsSync(FAKETIME) ? false : 'libfaketime is absent (Debian: apt install faketime)';
const noNft = spawnSync('nft', ['--version']).status === 0 ? false : 'nft is absent (Debian: apt install nftables)';

const running = { when: /: cc ×1: measuring a 1\//, midRun: true };
const sending = /: sending trit /;
/** Seconds that a pulled cable stays out: longer than the link takes to count as lost, unless the controller itself is too busy to notice. */
const OUTAGE = 10;

async function unplug(device: FleetDevice): Promise<void> {
  device.setLink(false);
  await sleep(OUTAGE * 1000);
  device.setLink(true);
}

/** What a login shell does before every command it is given. */
const shell = (script: string): DeviceOptions => ({ config: [`ForceCommand sh -c '${script}'`] });

/** One row a fault. */
export const FAULTS: readonly Fault[] = [
  {
    ...{ id: 'cable-upload', name: `cable pulled for ${OUTAGE} s in the middle of an upload`, when: sending, ends: 'ok' },
    prepare: (device) => device.slowDown(400_000),
    async strike(device) {
      await sleep(500);
      await unplug(device);
    },
    says: /device cable-upload: the link to .* was lost: no byte from it for 3 s; connecting again|cable-upload: cc ×1: ok/,
  },
  {
    ...{ id: 'cable-run', name: `cable pulled for ${OUTAGE} s in the middle of a run`, ...running, strike: unplug, ends: 'ok' },
    says: /device cable-run: the link to .* was lost: no byte from it for 3 s; connecting again|cable-run: cc ×1: ok/,
  },
  {
    ...{ id: 'slow', name: 'latency of 80 ms ± 20 ms each way and 3 % of packets lost', ends: 'ok', missing: noNft },
    declared: () => ({ host: '10.77.0.1', port: 4001 }),
    prepare: slowWire,
    says: /slow: cc ×1: ok/,
  },
  {
    ...{ id: 'server', name: 'sshd and all its sessions killed, started again', ...running, ends: 'ok' },
    strike: (device) => device.killSshd(),
    says: /device server: the link to .* was lost: .*; connecting again/,
  },
  {
    ...{ id: 'reboot', name: 'device rebooted: its agent is gone, its journal is left', ...running, ends: 'interrupted' },
    async strike(device) {
      await device.powerOff();
      await device.powerOn();
    },
    says: /the run did not come to its end: its agent is gone/,
    flag: 'interrupted',
  },
  {
    ...{ id: 'agent', name: 'agent killed (kill -9)', ...running, ends: 'interrupted', flag: 'interrupted' },
    strike: (device) => void device.signal('agent.mjs run'),
    says: /the run did not come to its end: its agent is gone/,
  },
  {
    ...{ id: 'engine', name: 'engine killed (kill -9)', ...running, ends: 'failed' },
    strike: (device) => void device.signal('/trit serve'),
    says: /trit serve was ended by SIGKILL/,
  },
  {
    ...{ id: 'disk-upload', name: 'disk of the device full in the middle of an upload', options: { diskMiB: 4 }, ends: 'failed' },
    prepare: (device) => void device.run('sh', '-c', `head -c 2700000 /dev/zero > ${device.workdir}/ballast`),
    says: /the disk is full: .* are to be sent, .* free; make room there/,
  },
  {
    ...{
      id: 'disk-run',
      name: 'disk of the device full in the middle of a run',
      options: { diskMiB: 64 },
      ...running,
      ends: ['failed', 'interrupted'],
    },
    strike(device) {
      device.signal('/trit serve', 'SIGSTOP');
      device.run('sh', '-c', `cat /dev/zero > ${device.workdir}/ballast 2>/dev/null || :`);
      device.signal('/trit serve', 'SIGCONT');
    },
    says: /the disk .*is full: make room there/,
  },
  {
    ...{ id: 'host-key', name: 'changed host key', ends: 'failed' },
    async prepare(device) {
      device.changeHostKey();
      await device.powerOff();
      await device.powerOn();
    },
    says: /THE HOST KEY HAS CHANGED.* The connection was refused/,
  },
  {
    id: 'wrong-key',
    name: 'key that is not let in',
    options: { known: false },
    ends: 'failed',
    says: /the server did not let root in .*; name the key/,
  },
  {
    ...{ id: 'off', name: 'device switched off', ends: 'failed' },
    prepare: (device) => device.powerOff(),
    says: /cannot be reached: no (route to it|answer)/,
  },
  {
    ...{ id: 'clock', name: 'clock off by a year', ends: 'ok', flag: 'clock-skew', missing: noFaketime },
    options: { environment: { LD_PRELOAD: FAKETIME, FAKETIME: '+365d', DONT_FAKE_MONOTONIC: '1' } },
    says: /the clock of the device differs by 315\d+/,
  },
  {
    ...{ id: 'garbage', name: 'device that answers garbage', ends: 'failed' },
    options: shell('head -c 4096 /dev/urandom'),
    says: /its login shell did not start sh/,
  },
  {
    ...{ id: 'talker', name: 'login shell that says 3 kB of garbage before each command', ends: 'ok' },
    options: shell('head -c 3000 /dev/urandom; echo; eval "$SSH_ORIGINAL_COMMAND"'),
    says: /talker: cc ×1: ok/,
  },
  {
    ...{ id: 'flood', name: 'device that floods', options: shell('yes'), ends: 'failed' },
    says: /the login shell floods/,
  },
  {
    ...{ id: 'bare', name: 'link lost on a device without Node', options: { node: false }, ...running, ends: 'ok' },
    strike: (device) => device.killSshd(),
    says: /run \S+ was cut off; it is begun again/,
  },
];

let proxy: ChildProcess | null = null;

async function slowWire(device: FleetDevice, fleet: Fleet): Promise<void> {
  const key = readFileSync(join(device.folder, 'host_key.pub'), 'utf8');
  appendFileSync(join(clientHome(), '.ssh/known_hosts'), `[10.77.0.1]:4001 ${key}`);
  device.run(
    'nft',
    'add table ip lossy; add chain ip lossy in { type filter hook input priority 0; }; add rule ip lossy in numgen random mod 100 < 3 drop',
  );
  const [program = '', ...rest] = [...fleet.within, process.execPath, join(import.meta.dirname, 'slow-proxy.mjs')];
  proxy = spawn(program, [...rest, '4001', `${device.address}:22`, '80', '20'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(proxy.stdout as NodeJS.ReadableStream, 'data');
}

/** Ends what a fault has started beside its device. */
export function endFaults(): void {
  proxy?.kill('SIGKILL');
  proxy = null;
}
