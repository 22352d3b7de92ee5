import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { Device } from '../../src/core/device.ts';
import { clustersOf, cpuRanges, type Facts } from '../../src/core/facts.ts';
import type { RunDetail } from '../../src/core/store.ts';
import { connect } from '../../src/fleet/connect.ts';
import { probe } from '../../src/fleet/probe.ts';
import { loadProfiles } from '../../src/fleet/profiles.ts';
import { proposeProfile } from '../../src/fleet/proposal.ts';
import { targetOf } from '../../src/fleet/target.ts';
import { cli, ROOT, scratch } from '../support/cli.ts';
import { noRooms, type Room, startRoom } from '../support/room.ts';
import { clientHome, noMounts, sshdMissing, startSshd } from '../support/sshd.ts';
import { ALPINE, MOTO_G56, PI3, TERMUX } from '../support/systems.ts';

/** Systems that are not Debian on a PC: played by rooms (real sshd, busybox and their files), by a device's own compiler, and by recorded probes. */

const folder = scratch();
const devices = join(folder, 'devices');
const suite = join(folder, 'short.json');
const options = () => ({ cwd: folder, env: { FLEET_DEVICES: devices, HOME: clientHome() } });

function declare(id: string, { host, port, user, identity, workdir }: Device, more: object = {}): void {
  writeFileSync(join(devices, `${id}.yaml`), stringify({ host, port, user, identity, workdir, ...more }));
}

async function bench(...args: string[]): Promise<{ code: number | null; stderr: string; runs: RunDetail[]; errors: { message: string }[] }> {
  const { code, stdout, stderr } = await cli(['bench', '-m', 'tiny', '-s', suite, '--json', ...args], options());
  return { code, stderr, ...JSON.parse(stdout) };
}

before(() => {
  execFileSync(join(ROOT, 'fleet'), ['setup'], { stdio: 'ignore' });
  mkdirSync(devices);
  const prompts = [{ id: 'a', random_tokens: 16, max_tokens: 8 }];
  writeFileSync(suite, JSON.stringify({ name: 'short', version: 1, title: 'for a test', model: 'tiny', prompts, warmup: 0, repetitions: 2 }));
});

for (const [name, room, expected] of [
  ['Alpine', ALPINE, { distribution: 'Alpine Linux v3.20', libc: 'musl 1.2.5', node: null }],
  ['Termux', TERMUX, { distribution: 'Android 15', libc: 'bionic', board: 'motorola moto g56 5G', node: null, load: null }],
] as const) {
  it(`${name}: a static binary and an agent beside the controller measure it`, { skip: noRooms }, async () => {
    const server = await startRoom(room);
    try {
      declare('room', server.device('room'));
      const { code, stderr, runs, errors } = await bench('-d', 'room');
      assert.equal(code, 0, `${stderr} ${JSON.stringify(errors)}`);
      const [run] = runs as [RunDetail];
      assert.equal(run.status, 'ok', run.message ?? '');
      assert.match(run.build.flags, /-static/);
      assert.ok((run.metrics.decode_rate?.n ?? 0) > 0);
      const { facts } = JSON.parse((await cli(['probe', 'room', '--json'], options())).stdout) as { facts: Facts };
      for (const [key, value] of Object.entries(expected)) assert.equal(facts[key as keyof Facts], value, key);
      const noCompiler = await bench('-d', 'room', '--build', 'on-device');
      assert.match(
        noCompiler.errors[0]?.message ?? '',
        name === 'Alpine' ? /no compiler cc; there: apk add gcc/ : /no compiler cc; in Termux: pkg install clang/,
      );
    } finally {
      await server.stop();
    }
  });
}

describe('a recorded probe', () => {
  const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/probes/${name}.json`, import.meta.url));
  const replay = async (name: string) => probe(await connect(Device.parse({ id: name, connector: 'replay', recording: fixture(name) })));

  for (const [name, room] of [
    ['alpine', ALPINE],
    ['termux-moto-g56', MOTO_G56],
    ['debian9-pi3', PI3],
  ] as readonly (readonly [string, Room])[])
    it(`${name}: what a room says is what its recording says`, { skip: noRooms }, async () => {
      const server = await startRoom(room);
      try {
        declare('played', server.device('played'));
        const file = join(folder, `${name}.json`);
        const { code, stderr } = await cli(['probe', 'played', '--record', file], options());
        assert.equal(code, 0, stderr);
        const stable = ({ disk_free, load, memory, memory_available, swap, kernel, cpu, cores, features, machine, ...rest }: Facts) =>
          name === 'alpine' ? rest : { ...rest, memory, memory_available, swap, kernel, cpu, cores, features, machine };
        const live = await probe(await connect(Device.parse({ id: name, connector: 'replay', recording: file })));
        assert.deepEqual(stable(live), stable(await replay(name)));
      } finally {
        await server.stop();
      }
    });

  it('Termux on a phone: big and small cores, features, battery', async () => {
    const facts = await replay('termux-moto-g56');
    assert.equal(facts.cpu, 'Cortex-A55 + Cortex-A78');
    assert.deepEqual(
      clustersOf(facts.cores).map(({ cpus, capacity }) => [cpuRanges(cpus), capacity]),
      [
        ['6-7', 1024],
        ['0-5', 430],
      ],
    );
    assert.ok(facts.features.includes('asimddp'));
    assert.deepEqual([facts.libc, facts.distribution, facts.charger, facts.temperature], ['bionic', 'Android 15', 'unplugged', 47.1]);
    assert.equal(facts.page_size, 4096);
    assert.match(facts.workdir, /^\/data\/data\/com\.termux\/files\/home\//);
    assert.equal(targetOf(facts), 'aarch64-linux');
    assert.equal(proposeProfile(facts, await loadProfiles(join(ROOT, 'devices/profiles'))), 'moto-g56');
  });

  it('Debian 9 on a Raspberry Pi 3: 32 bits, 1 GB, hot', async () => {
    const facts = await replay('debian9-pi3');
    assert.deepEqual([facts.cpu, facts.board, facts.libc], ['Cortex-A53', 'Raspberry Pi 3 Model B Rev 1.2', 'glibc 2.24']);
    assert.deepEqual([facts.memory, facts.swap, facts.governor], [947748 * 1024, 102396 * 1024, 'ondemand']);
    assert.ok((facts.temperature ?? 0) > 72);
    assert.equal(targetOf(facts), 'armv7-linux');
  });

  it('what does not fit or would spoil the figures is said before anything is sent', async () => {
    writeFileSync(join(devices, 'pi3.yaml'), stringify({ connector: 'replay', recording: fixture('debian9-pi3') }));
    const big = await cli(['bench', '-d', 'pi3', '-m', 'falcon3-7b', '--json'], options());
    assert.equal(big.code, 1);
    assert.match(JSON.parse(big.stdout).errors[0].message, /the device has 970 MB in all: it does not fit, or take a smaller model: --model tiny/);
    assert.doesNotMatch(big.stderr, /building|sending/);
    const { warnings } = JSON.parse(
      (await cli(['bench', '-d', 'pi3', '-m', 'tiny', '-s', suite, '--build', 'on-device', '--json'], options())).stdout,
    );
    const said = warnings.map(({ message }: { message: string }) => message).join('\n');
    assert.match(said, /governor is ondemand/);
    assert.match(said, /73 °C, more than 70 °C/);
  });
});

it('features that the kernel and the engine tell differently: refused with a hint', {
  skip: noRooms || (/ avx2\b/.test(readFileSync('/proc/cpuinfo', 'utf8')) ? false : 'this CPU has no AVX2 that could be hidden'),
}, async () => {
  const cpuinfo = readFileSync('/proc/cpuinfo', 'utf8').replace(/ (avx2|f16c)\b/g, '');
  const server = await startRoom({ ...ALPINE, files: { ...ALPINE.files, '/proc/cpuinfo': cpuinfo } });
  try {
    declare('two-minds', server.device('two-minds'));
    const { code, errors } = await bench('-d', 'two-minds');
    assert.equal(code, 1);
    assert.match(
      errors[0]?.message ?? '',
      /read twice, with two answers: trit finds avx2 usable, .*does not list avx2, f16c; .*--isa ssse3 measures without it/,
    );
  } finally {
    await server.stop();
  }
});

it('--build on-device: sources sent, the compiler of the device in the result, built once', { skip: sshdMissing }, async () => {
  const server = await startSshd();
  try {
    declare('own', server.device('own'));
    const { code, runs, errors, stderr } = await bench('-d', 'own', '--build', 'on-device', '--flags', 'O1');
    assert.equal(code, 0, `${stderr} ${JSON.stringify(errors)}`);
    const [run] = runs as [RunDetail];
    assert.equal(run.toolchain, 'cc@device');
    assert.equal(run.build.compiler, spawnSync('cc', ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0]);
    assert.equal(run.build.flags, '-O1');
    const again = await cli(['build', '--device', 'own', '--flags', 'O1', '--json'], options());
    assert.equal(JSON.parse(again.stdout).builds[0].sha256, run.build.sha256, 'built once');
  } finally {
    await server.stop();
  }
});

it('a device that takes only passwords, from a real OpenSSH server', { skip: noMounts }, async () => {
  const shadow = spawnSync('openssl', ['passwd', '-6', 'corrèct horse'], { encoding: 'utf8' }).stdout.trim();
  const own = `echo 'root:${shadow}:19000:0:99999:7:::' > "$1/shadow"; mount --bind "$1/shadow" /etc/shadow`;
  const server = await startSshd({ mounts: own, config: ['PasswordAuthentication yes', 'PubkeyAuthentication no'] });
  try {
    const env = { ...options().env, ROOM_PASSWORD: 'corrèct horse' };
    const where = ['devices', 'add', 'typed', `${server.user}@127.0.0.1:${server.port}`, '--workdir', server.workdir, '--json'];
    const refused = await cli([...where, '--password-env', 'ROOM_PASSWORD'], { cwd: folder, env: { ...env, ROOM_PASSWORD: 'wrong' } });
    assert.match(refused.stderr, /did not let \w+ in \(tried: the password in ROOM_PASSWORD; it accepts password/);
    const { code, stderr } = await cli([...where, '--password-env', 'ROOM_PASSWORD'], { cwd: folder, env });
    assert.equal(code, 0, stderr);
    assert.ok(!readFileSync(join(devices, 'typed.yaml'), 'utf8').includes('horse'));
    assert.equal((await cli(['devices', 'ls', '--check', '-d', 'typed'], { cwd: folder, env })).code, 0);
  } finally {
    await server.stop();
  }
});

it('a server that knows only what OpenSSH 6.7 knew (Debian 8)', { skip: sshdMissing }, async () => {
  const old = ['KexAlgorithms ecdh-sha2-nistp256', 'Ciphers aes128-ctr', 'MACs hmac-sha2-256', 'HostKeyAlgorithms ssh-ed25519'];
  const server = await startSshd({ config: old });
  const connection = await connect(server.device('old'));
  assert.equal((await connection.exec(['echo', 'yes'])).stdout, 'yes\n');
  await connection.close();
  await server.stop();
});
