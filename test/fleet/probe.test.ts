import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { arch, availableParallelism, hostname, platform, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Device } from '../../src/core/device.ts';
import { connect } from '../../src/fleet/connect.ts';
import { recorded } from '../../src/fleet/connectors/replay.ts';
import { factsOf, probe } from '../../src/fleet/probe.ts';
import {
  availableOf,
  boardOf,
  clean,
  coresOf,
  cpuOf,
  diskFreeOf,
  distributionOf,
  emulatorOf,
  featuresOf,
  firmwareOf,
  libcOf,
  memoryOf,
  nodeOf,
  pageSizeOf,
  sectionsOf,
} from '../../src/fleet/probe_sections.ts';
import { targetOf } from '../../src/fleet/target.ts';

const recording = fileURLToPath(new URL('../../devices/recordings/debian-x86_64-vm.json', import.meta.url));
const linux = platform() === 'linux' ? false : 'the probe is checked against /proc, which only Linux has';

it('an emulator shows itself in the command line of the shell', () => {
  assert.equal(emulatorOf(['/usr/bin/qemu-aarch64-static']), 'qemu-aarch64');
  assert.equal(emulatorOf(['box64']), 'box64');
  for (const lines of [['sh'], ['/bin/dash'], ['/home/qemu-fan/bin/sh'], ['']]) assert.equal(emulatorOf(lines), null);
});

it('what runs below the kernel: of a Raspberry Pi, a PC, none', () => {
  const pi = ['version 4b6e9b1c (release) (embedded)', 'bootloader 33bb1e5b'];
  assert.equal(firmwareOf(pi, []), 'firmware 4b6e9b1c (release) (embedded), boot loader 33bb1e5b');
  const cpuinfo = ['processor : 0', 'microcode : 0xf4', 'processor : 1', 'microcode : 0xf4'];
  assert.equal(firmwareOf(['id N2JET98W (1.76 )'], cpuinfo), 'BIOS N2JET98W (1.76 ), microcode 0xf4');
  for (const lines of [[], ['id '], ['constructor x'], ['error=1 error_msg="Command not registered"']]) assert.equal(firmwareOf(lines, []), null);
});

describe('probe of this machine', { skip: linux }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fleet-probe-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('says what Node and /proc say', async () => {
    const workdir = join(folder, "it's new");
    const c = await connect(Device.parse({ id: 'here', connector: 'local', workdir }));
    const facts = await probe(c);
    assert.equal(facts.os, 'Linux');
    assert.equal(facts.kernel, release());
    assert.equal(facts.memory, totalmem());
    assert.ok(facts.memory_available > 0 && facts.memory_available <= facts.memory);
    assert.ok(facts.cores.length >= availableParallelism());
    assert.ok(facts.disk_free > 0);
    assert.equal(facts.page_size, Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' })));
    assert.equal(facts.workdir, workdir);
    assert.ok((await stat(workdir)).isDirectory());
    assert.ok(Math.abs(facts.clock_offset ?? 9) < 1);
    assert.equal(facts.emulator, null);
    const flags =
      /^(?:flags|Features)\s*:(.*)$/m
        .exec(await readFile('/proc/cpuinfo', 'utf8'))?.[1]
        ?.trim()
        .split(/\s+/) ?? [];
    assert.deepEqual(facts.features, [...new Set(flags)].sort());
    assert.equal(targetOf(facts), { x64: 'x86_64-linux', arm64: 'aarch64-linux', arm: 'armv7-linux', riscv64: 'riscv64-linux' }[arch() as string]);
  });

  it('finds a Node that is not on PATH, passes over an old one, answers null for none', async () => {
    await writeFile(join(folder, 'node'), '#!/bin/sh\necho v16.20.2\n', { mode: 0o755 });
    const home = join(folder, 'home');
    execFileSync('mkdir', ['-p', join(home, '.local/bin')]);
    const c = await connect(Device.parse({ id: 'here', connector: 'local', workdir: folder }));
    const env = (path: string) => ({ ...c, exec: (argv: readonly string[], o = {}) => c.exec(['env', `HOME=${home}`, `PATH=${path}`, ...argv], o) });
    const elsewhere = (facts: { node_path?: string | null }) => facts.node_path?.startsWith(folder) ?? false;
    assert.equal(elsewhere(await probe(env(`${folder}:/usr/bin:/bin`))), false);
    await writeFile(join(home, '.local/bin/node'), '#!/bin/sh\necho v22.1.0\n', { mode: 0o755 });
    const facts = await probe(env(`${folder}:/usr/bin:/bin`));
    assert.deepEqual(
      [facts.node, facts.node_path],
      facts.node === '22.1.0' ? ['22.1.0', join(home, '.local/bin/node')] : [process.versions.node, facts.node_path],
    );
  });

  it('a work folder that cannot be made: a sentence', async () => {
    const c = await connect(Device.parse({ id: 'here', connector: 'local', workdir: '/dev/null/x' }));
    await assert.rejects(probe(c), /device here: its work folder cannot be made; set `workdir:`/);
  });

  it('records, and answers from the recording alike', async () => {
    const c = await connect(Device.parse({ id: 'here', connector: 'local', workdir: folder }));
    const noted = recorded(c);
    const facts = await probe(noted.connection);
    const file = join(folder, 'recording.json');
    await writeFile(file, JSON.stringify(noted.recording));
    const replay = await connect(Device.parse({ id: 'again', connector: 'replay', recording: file }));
    assert.deepEqual(await probe(replay), { ...facts, clock_offset: null });
    await assert.rejects(replay.exec(['uname']), /uname is not in the recording/);
    await assert.rejects(replay.spawn(['sh']), /is a recording/);
    await writeFile(file, '{"version":2}');
    await assert.rejects(connect(Device.parse({ id: 'again', connector: 'replay', recording: file })), /the recording .* cannot be read/);
  });
});

describe('probe of a recorded machine', () => {
  it('gives its facts', async () => {
    const facts = await probe(await connect(Device.parse({ id: 'vm', connector: 'replay', recording })));
    assert.equal(facts.distribution, 'Debian GNU/Linux 12 (bookworm)');
    assert.equal(facts.libc, 'glibc 2.36');
    assert.equal(facts.cpu, 'Intel(R) Xeon(R) Processor');
    assert.deepEqual(
      facts.cores,
      [0, 1].map((id) => ({ id, capacity: 1024, max_hz: null })),
    );
    assert.ok(facts.features.includes('avx512_vnni'));
    assert.equal(facts.memory, 25276514304);
    assert.equal(facts.swap, 0);
    assert.equal(facts.governor, null);
    assert.equal(facts.board, null);
    assert.deepEqual(facts.sensors, []);
    assert.equal(facts.node, '20.20.2');
    assert.equal(facts.node_path, '/usr/bin/node');
    assert.equal(targetOf(facts), 'x86_64-linux');
    assert.ok(!(await readFile(recording, 'utf8')).includes(hostname()) || hostname().length < 4);
  });

  it('an output cut short, or with a section missing: a sentence that names what is missing', async () => {
    const { commands } = JSON.parse(await readFile(recording, 'utf8'));
    const { stdout } = commands['["sh","-s","fleet-probe"]'];
    const without = (section: string) => sectionsOf(stdout.replace(`@@fleet ${section}\n`, '@@fleet other\n'));
    assert.throws(() => factsOf('vm', without('meminfo'), null), /device vm: the probe could not find out: memory, memory_available, swap;/);
    assert.throws(() => factsOf('vm', without('disk'), null), /could not find out: disk_free/);
    assert.throws(() => factsOf('vm', without('workdir'), null), /work folder/);
    for (let end = 0; end < stdout.length; end += 97) {
      try {
        factsOf('vm', sectionsOf(stdout.slice(0, end)), null);
      } catch (error) {
        assert.equal((error as Error).name, 'FleetError');
      }
    }
  });
});

describe('readers of the probe', () => {
  it('os-release, libc', () => {
    assert.equal(distributionOf(['NAME="Debian GNU/Linux"', 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"']), 'Debian GNU/Linux 12 (bookworm)');
    assert.equal(distributionOf(['NAME=Alpine']), 'Alpine');
    assert.equal(distributionOf([]), null);
    assert.equal(libcOf(['glibc 2.36']), 'glibc 2.36');
    assert.equal(libcOf(['ldd (Debian GLIBC 2.36-9+deb12u14) 2.36']), 'glibc 2.36');
    assert.equal(libcOf(['musl libc (aarch64) Version 1.2.3 ']), 'musl 1.2.3');
    assert.equal(libcOf([]), null);
  });

  it('features that all processors share; models of both kinds of core', () => {
    const two = ['processor : 0', 'Features : fp asimd asimddp', 'processor : 1', 'Features : fp asimd'];
    assert.deepEqual(featuresOf(two), ['asimd', 'fp']);
    assert.deepEqual(featuresOf([]), []);
    assert.equal(cpuOf(two, ['Model name: Cortex-A55', 'Model name: Cortex-A78']), 'Cortex-A55 + Cortex-A78');
    assert.equal(cpuOf(two, ['Model name: -']), null);
  });

  it('cores: those switched off are left out; what is not known is null', () => {
    assert.deepEqual(coresOf(['cpu10 1 - 1800000', 'cpu2 0 1024 2400000', 'cpu0 1 512 -', 'nonsense'], []), [
      { id: 0, capacity: 512, max_hz: null },
      { id: 10, capacity: null, max_hz: 1.8e9 },
    ]);
    assert.deepEqual(
      coresOf([], ['processor : 0', 'processor : 1']).map(({ id }) => id),
      [0, 1],
    );
  });

  it('memory, pages, disk: missing is null, never 0', () => {
    assert.equal(memoryOf(['MemTotal:         948304 kB'], 'MemTotal'), 948304 * 1024);
    assert.equal(memoryOf(['MemTotal: lots'], 'MemTotal'), null);
    assert.equal(availableOf(['MemFree: 1 kB', 'Buffers: 2 kB', 'Cached: 4 kB']), 7 * 1024);
    assert.equal(availableOf(['MemFree: 1 kB']), null);
    assert.equal(pageSizeOf(['16384']), 16384);
    assert.equal(pageSizeOf(['KernelPageSize:        4 kB']), 4096);
    assert.equal(pageSizeOf(['lots']), null);
    assert.equal(
      diskFreeOf(['Filesystem 1024-blocks Used Available Capacity Mounted on', '/dev/vda 264212084 32478796 73912116 31% /']),
      73912116 * 1024,
    );
    assert.equal(diskFreeOf(['/dev/vda']), null);
  });

  it('node: the first that is new enough', () => {
    assert.deepEqual(nodeOf(['v16.20.0 /usr/bin/node', 'v18.0.0 /opt/a b/node', 'v22.1.0 /x/node']), { version: '18.0.0', path: '/opt/a b/node' });
    assert.equal(nodeOf(['v16.20.0 /usr/bin/node', ' /usr/bin/node']), null);
  });

  it('names: no control characters, not endless, no empty defaults', () => {
    assert.equal(clean('a\u001b[31mb\u0000\n'), 'a [31mb');
    assert.equal(clean('x'.repeat(1000))?.length, 200);
    assert.equal(clean(' '), null);
    assert.equal(boardOf(['Raspberry Pi 5 Model B Rev 1.0']), 'Raspberry Pi 5 Model B Rev 1.0');
    assert.equal(boardOf(['To Be Filled By O.E.M.']), null);
  });
});

describe('target', () => {
  it('follows from uname; others are refused with a sentence', () => {
    assert.equal(targetOf({ os: 'Linux', machine: 'armv7l' }), 'armv7-linux');
    assert.equal(targetOf({ os: 'Linux', machine: 'riscv64' }), 'riscv64-linux');
    assert.throws(() => targetOf({ os: 'Linux', machine: 'armv6l' }), /armv6l; fleet builds for/);
    assert.throws(() => targetOf({ os: 'Darwin', machine: 'arm64' }), /runs Darwin/);
    assert.throws(() => targetOf({ os: 'Linux', machine: 'constructor' }), /fleet builds for/);
  });
});
