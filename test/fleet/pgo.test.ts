import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { Build, Target } from '../../src/core/build.ts';
import { Device } from '../../src/core/device.ts';
import { build } from '../../src/fleet/build.ts';
import { connect } from '../../src/fleet/connect.ts';
import { flagsOf } from '../../src/fleet/flag_sets.ts';
import { emulatorFor } from '../../src/fleet/pgo.ts';
import { hostTarget } from '../../src/fleet/target.ts';
import { compilerFor } from '../../src/fleet/toolchains.ts';
import { temporaryFolder } from '../support/folder.ts';
import { writeTinyEngine } from '../support/tiny-engine.ts';

const target = hostTarget();
const cross: Target = target === 'aarch64-linux' ? 'x86_64-linux' : 'aarch64-linux';
const missing = (toolchain: string, wanted: Target = target) =>
  compilerFor(toolchain, wanted).then(
    () => false as const,
    (error: Error) => error.message,
  );

describe('a build guided by a profile', () => {
  const root = join(temporaryFolder('pgo'), 'with a blank');
  const says = ({ path }: Build) => execFileSync(path, { encoding: 'utf8' });
  before(() => writeTinyEngine(root));

  for (const toolchain of ['gcc-12', 'clang-14', 'clang-19']) {
    it(`is counted, trained and built again with ${toolchain}`, async (t) => {
      const absent = await missing(toolchain);
      if (absent) return t.skip(absent);
      const lines: string[] = [];
      const made = await build({ toolchain, target, root, flags: 'O2 pgo', onLine: (line) => void lines.push(line) });
      assert.match(says(made), /^profile=-fprofile(-instr)?-use.* unprofiled=big\n$/, 'an ISA that could not be trained has no profile');
      assert.ok(lines.some((line) => /-fprofile(-instr)?-generate/.test(line)));
      assert.ok(!lines.some((line) => /profile count data file .* not found|no profile data/.test(line)), 'the profile was found');
      assert.match(made.flags, /^-O2 pgo/);
      const plain = await build({ toolchain, target, root, flags: 'O2' });
      assert.notEqual(plain.id, made.id, 'it is part of what a build is');
      assert.match(says(plain), /^profile= unprofiled=\n$/);
      assert.deepEqual(await build({ toolchain, target, root, flags: 'pgo -O2' }), { ...made, flags: made.flags }, 'from the cache');
    });
  }

  it('for another machine it is trained under an emulator', async (t) => {
    const absent = await missing('gcc-12', cross);
    if (absent) return t.skip(absent);
    const here = await connect(Device.parse({ id: 'local', connector: 'local' }));
    const emulator = await emulatorFor(cross, here).catch((error: Error) => error.message);
    if (typeof emulator === 'string') return t.skip(emulator);
    const made = await build({ toolchain: 'gcc-12', target: cross, root, flags: 'pgo' });
    assert.match(execFileSync(emulator[0] as string, [made.path], { encoding: 'utf8' }), /^profile=-fprofile-use/);
  });

  it('without an emulator it says that it is impossible, and what to do', async () => {
    const here = await connect(Device.parse({ id: 'local', connector: 'local' }));
    const bare = { ...here, exec: async () => ({ code: 127, stdout: '', stderr: '' }) };
    await assert.rejects(
      emulatorFor(cross, bare),
      /pgo is impossible for \S+ here: .* no emulator qemu-\S+; on Debian: apt install qemu-user-static, or .*--build on-device/,
    );
    assert.deepEqual(await emulatorFor(target, bare), []);
  });
});

describe('named sets of flags', () => {
  it('stand for flags, in any mixture', () => {
    assert.deepEqual(flagsOf('O2 lto -DX=1 pgo', 'x86_64-linux'), { text: '-O2 -flto -DX=1', pgo: true });
    assert.deepEqual(flagsOf('', 'x86_64-linux'), { text: '', pgo: false });
  });

  it('mcpu-native is for the machine that compiles, and for no other', () => {
    assert.equal(flagsOf('mcpu-native', 'x86_64-linux').text, '-march=native');
    assert.equal(flagsOf('mcpu-native', 'aarch64-linux').text, '-mcpu=native');
    assert.equal(flagsOf('mcpu-native', 'arm64-darwin').text, '-mcpu=native');
    assert.throws(() => flagsOf('mcpu-native', 'aarch64-linux', 'x86_64-linux'), /name its CPU \(-mcpu=cortex-a76\), or .*--build on-device/);
  });
});
