import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Device } from '../../src/core/device.ts';
import { connect } from '../../src/fleet/connect.ts';
import { checkFeatures, disagreement, whyNot } from '../../src/fleet/features.ts';
import { plainFacts } from '../support/facts.ts';
import { temporaryFolder } from '../support/folder.ts';

const row = (name: string, needs: string, available: boolean, compiled = true) => ({ name, needs, compiled, available });
const pc = (avx2: boolean, vnni: boolean) => ({
  isa: 'scalar',
  isas: [row('scalar', '', true), row('ssse3', 'ssse3', true), row('avx2', 'avx2 fma f16c', avx2), row('avx512vnni', 'avx512f avx512vnni', vnni)],
});
const flags = 'ssse3 fma f16c avx2 avx512f avx512_vnni'.split(' ');

test('two readings that agree are no sentence, whatever the two call a feature', () => {
  assert.equal(disagreement({ features: flags }, pc(true, true)), null);
  assert.equal(disagreement({ features: flags.slice(0, 4) }, pc(true, false)), null);
  assert.equal(disagreement({ features: flags }, { isa: 'scalar', isas: [row('amx', 'amx_tile', true, false)] }), null, 'not in this binary');
  assert.equal(disagreement({ features: [] }, pc(true, true)), null, 'a kernel that names no features');
});

test('a feature that only one of them has is refused with a way out', () => {
  assert.match(
    disagreement({ features: flags.slice(0, 4) }, pc(true, true)) ?? '',
    /trit finds avx512vnni usable, but \/proc\/cpuinfo does not list avx512f, avx512vnni; .*--isa avx2 measures without it/,
  );
  assert.match(disagreement({ features: flags }, pc(false, false)) ?? '', /lists all that avx2 needs .*trit may not use it.*--isa ssse3/);
  assert.equal(disagreement({ features: flags }, pc(true, false), 'avx2'), null, 'what is above the ISA that is used does not matter');
});

test('RISC-V: one letter of the name of the machine', () => {
  const board = (available: boolean) => ({ isa: 'scalar', isas: [row('scalar', '', true), row('rvv', 'v', available)] });
  for (const [isa, has] of [
    ['rv64imafdcv', true],
    ['rv64imafdc', false],
    ['rv64imafdcvh', true],
  ] as const) {
    assert.equal(disagreement({ features: [isa, 'zicsr'] }, board(has)), null, isa);
    assert.notEqual(disagreement({ features: [isa, 'zicsr'] }, board(!has)), null, isa);
  }
});

test('a program that does not start there is told by how it ended', async () => {
  const here = await connect(Device.parse({ id: 'here', connector: 'local' }));
  const folder = temporaryFolder('features');
  const facts = plainFacts(folder, { features: flags });
  const program = (name: string, text: string, mode = 0o755): string => {
    writeFileSync(join(folder, name), text, { mode });
    return join(folder, name);
  };
  const check = (path: string) => checkFeatures(here, facts, path, null);
  await check(program('good', `#!/bin/sh\necho '${JSON.stringify(pc(true, true))}'\n`));
  await assert.rejects(check(program('other', `#!/bin/sh\necho '${JSON.stringify(pc(false, false))}'\n`)), /device here: its CPU was read twice/);
  await assert.rejects(check(program('chatty', '#!/bin/sh\necho welcome\n')), /says something else there/);
  await assert.rejects(check(program('forbidden', '#!/bin/sh\nkill -s SYS $$\n')), /Android 8 to 11/);
  await assert.rejects(check(program('modern', '#!/bin/sh\nkill -s ILL $$\n')), /instructions that this CPU lacks/);
  await assert.rejects(check(program('closed', '#!/bin/sh\n', 0o644)), /set `workdir:`/);
  await assert.rejects(check(join(folder, 'absent')), /libc that is not there/);
  await here.close();
});

test('a program that does not start: by what the shell says, and what to do', () => {
  assert.match(whyNot(159, 'Bad system call'), /forbids a call .*Android 8 to 11.*--build on-device/);
  assert.match(whyNot(132, 'Illegal instruction'), /instructions that this CPU lacks/);
  assert.match(whyNot(126, 'Permission denied'), /`workdir:`/);
  assert.match(whyNot(127, 'not found'), /libc that is not there/);
});
