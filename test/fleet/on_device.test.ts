import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Facts } from '../../src/core/facts.ts';
import { build } from '../../src/fleet/build.ts';
import { connect } from '../../src/fleet/connect.ts';
import type { Connection } from '../../src/fleet/connection.ts';
import { buildOnDevice } from '../../src/fleet/on_device.ts';
import { probe } from '../../src/fleet/probe.ts';
import { hostTarget } from '../../src/fleet/target.ts';
import { compilerFor } from '../../src/fleet/toolchains.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type Sshd, sshdMissing, startSshd } from '../support/sshd.ts';
import { writeTinyEngine } from '../support/tiny-engine.ts';

const missing =
  sshdMissing ||
  (await compilerFor('cc', hostTarget()).then(
    () => false as const,
    (error: Error) => error.message,
  ));

describe('a build on the device itself', { skip: missing }, () => {
  const root = join(temporaryFolder('sources'), 'here');
  let sshd: Sshd;
  let device: Connection;
  let facts: Facts;
  const lines: string[] = [];
  const make = (compiler = 'cc', flags = '', to = device) => {
    lines.length = 0;
    return buildOnDevice(to, facts, { compiler, flags, root, onLine: (line) => void lines.push(line) });
  };
  before(async () => {
    await writeTinyEngine(root);
    sshd = await startSshd();
    device = await connect(sshd.device('pi', { workdir: join(sshd.workdir, 'a device') }));
    facts = await probe(device);
  });
  after(async () => {
    await device.close();
    await sshd.stop();
  });

  it("sends the sources, uses the device's compiler and names it; nothing but the binary stays there", async () => {
    const made = await make();
    assert.equal(made.toolchain, 'cc@device');
    assert.match(made.compiler, /\d+\.\d+/);
    assert.equal(made.target, hostTarget());
    assert.ok(made.path.startsWith(`${facts.workdir}/bin/`));
    assert.match((await device.exec([made.path])).stdout, /^profile=/);
    assert.ok(lines.length > 0);
    assert.deepEqual(readdirSync(join(facts.workdir, 'src')), []);
  });

  it('builds the same once; other flags, another compiler or a damaged binary are built', async () => {
    const first = await make();
    assert.deepEqual(lines, []);
    assert.notEqual((await make('cc', '-O1')).id, first.id);
    assert.ok(lines.length > 0);
    writeFileSync(first.path, 'damaged');
    const again = await make();
    assert.ok(lines.length > 0);
    assert.equal(again.sha256, first.sha256);
    writeFileSync(join(first.path, '../build.json'), '{"id":"x"');
    assert.deepEqual(await make(), first);
  });

  it('the same compiler with the same flags gives the same code here and there', async () => {
    const here = await build({ toolchain: 'cc', target: hostTarget(), root, flags: '-O2' });
    const there = await make('cc', '-O2');
    assert.equal(there.code, here.code);
    assert.notEqual(there.code, null);
    assert.notEqual((await make('cc', '-O0')).code, here.code);
  });

  it('is for what its compiler makes, whatever the kernel is: a system of 32 bits under a kernel of 64', async () => {
    const bin = temporaryFolder('bin');
    const script = '#!/bin/sh\n[ "$1" != -dumpmachine ] || { echo arm-linux-gnueabihf; exit; }\nexec cc "$@"\n';
    writeFileSync(join(bin, 'cc32'), script, { mode: 0o755 });
    assert.equal((await make(join(bin, 'cc32'))).target, 'armv7-linux');
  });

  it('can be trained there', async () => {
    const made = await make('cc', 'pgo');
    assert.match(made.flags, /pgo/);
    assert.match((await device.exec([made.path])).stdout, /^profile=-fprofile/);
  });

  it('a compiler that is not there, or fails: a sentence that names the device and what to do', async () => {
    await assert.rejects(
      make('clang-99'),
      /device pi cannot build: it has no compiler clang-99; (it has .*; or )?there: (apt install|apk add|dnf install|pacman -S) gcc/,
    );
    const source = join(root, 'kernels/main.c');
    const text = readFileSync(source, 'utf8');
    writeFileSync(source, `${text}\nnonsense nonsense;`);
    await assert.rejects(make(), /device pi: its cc \(.*\) did not build the engine: .*error: .*nonsense/);
    writeFileSync(source, text);
    assert.deepEqual(readdirSync(join(facts.workdir, 'src')), [], 'a failed build leaves nothing');
  });

  it('a device without make says so', async () => {
    const bin = temporaryFolder('bin');
    for (const name of readdirSync('/usr/bin')) if (!/^g?make$/.test(name)) symlinkSync(join('/usr/bin', name), join(bin, name));
    mkdirSync(join(bin, 'x'));
    const bare = await startSshd({ environment: { PATH: bin } });
    const connection = await connect(bare.device('bare'));
    try {
      facts = await probe(connection);
      await assert.rejects(make('cc', '', connection), /device bare: make is not installed/);
    } finally {
      await connection.close();
      await bare.stop();
    }
  });
});
