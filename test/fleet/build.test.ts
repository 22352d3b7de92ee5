import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Build, Target } from '../../src/core/build.ts';
import { FleetError, UsageError } from '../../src/core/errors.ts';
import { build } from '../../src/fleet/build.ts';
import { sha256Of } from '../../src/fleet/checksum.ts';
import { connect } from '../../src/fleet/connect.ts';
import { hostTarget } from '../../src/fleet/target.ts';
import { compilerFor, listToolchains, TOOLCHAINS } from '../../src/fleet/toolchains.ts';

/** The interface of kernels/Makefile around one small program, so that a build takes no time. */
const MAKEFILE = `
OUT ?= out
$(OUT)/trit: main.c note.h
	@echo building >> ../count
	$(CC) $(ARCH_FLAGS) -Wall -o $@ main.c $(if $(STATIC),-static)
`;

const missing = await compilerFor('cc', hostTarget()).then(
  () => false as const,
  (error: Error) => error.message,
);

describe('build', { skip: missing }, () => {
  let root: string;
  const target = hostTarget();
  const builds = async () => (await readFile(join(root, 'count'), 'utf8').catch(() => '')).split('\n').length - 1;
  const run = (path: string) => execFileSync(path, { encoding: 'utf8' });
  before(async () => {
    root = join(await mkdtemp(join(tmpdir(), 'fleet-build-test-')), 'with a blank');
    await mkdir(join(root, 'kernels'), { recursive: true });
    await writeFile(join(root, 'kernels/Makefile'), MAKEFILE);
    await writeFile(join(root, 'kernels/note.h'), '#define NOTE "one"\n');
    await writeFile(join(root, 'kernels/main.c'), '#include <stdio.h>\n#include "note.h"\nint main(void) { return puts(NOTE) < 0; }\n');
  });
  after(() => rm(join(root, '..'), { recursive: true, force: true }));

  it('builds once, then answers from the cache', async () => {
    const first = await build({ toolchain: 'cc', target, root });
    assert.equal(run(first.path), 'one\n');
    assert.equal(first.sha256, await sha256Of(first.path));
    assert.equal(first.bytes, (await stat(first.path)).size);
    assert.match(first.compiler, /\d+\.\d+/);
    assert.ok(first.path.startsWith(join(root, '.fleet/builds', first.id)));
    assert.deepEqual(await build({ toolchain: 'cc', target, root }), first);
    assert.equal(await builds(), 1);
  });

  it('a changed source, flag or toolchain is another build; an object left behind is not', async () => {
    const before = await build({ toolchain: 'cc', target, root });
    await mkdir(join(root, 'kernels/out'), { recursive: true });
    await writeFile(join(root, 'kernels/out/left.c'), 'nonsense');
    assert.equal((await build({ toolchain: 'cc', target, root })).id, before.id);
    const flagged = await build({ toolchain: 'cc', target, root, flags: ' -O1  -DX=1 ' });
    assert.notEqual(flagged.id, before.id);
    assert.match(flagged.flags, /^-O1 -DX=1/);
    await writeFile(join(root, 'kernels/note.h'), '#define NOTE "two"\n');
    const changed = await build({ toolchain: 'cc', target, root });
    assert.equal(run(changed.path), 'two\n');
    assert.equal(run(before.path), 'one\n');
  });

  it('two builders at once, in one process or in two: one whole entry', async () => {
    await writeFile(join(root, 'kernels/note.h'), '#define NOTE "three"\n');
    const before = await builds();
    const here = await connect({ id: 'here', connector: 'local', tags: [], emulated: false });
    const script = `
      import { build } from ${JSON.stringify(new URL('../../src/fleet/build.ts', import.meta.url).href)};
      console.log(JSON.stringify(await build(${JSON.stringify({ toolchain: 'cc', target, root })})));`;
    const other = () => here.exec([process.execPath, '--import', 'tsx', '--input-type=module', '-e', script]);
    const mine = () => build({ toolchain: 'cc', target, root });
    const [a, b, c, d] = await Promise.all([mine(), mine(), other(), other()]);
    assert.deepEqual(b, a);
    for (const { stdout, stderr } of [c, d]) assert.deepEqual(JSON.parse(stdout || stderr), a);
    assert.equal(run(a.path), 'three\n');
    const made = (await builds()) - before;
    assert.ok(made >= 1 && made <= 3, `${made} builds`);
    assert.deepEqual(
      (await readdir(join(root, '.fleet/builds'))).filter((name) => name.startsWith('.new')),
      [],
    );
  });

  it('a damaged entry is built again', async () => {
    const first = await build({ toolchain: 'cc', target, root });
    await writeFile(first.path, 'not a program');
    assert.equal(run((await build({ toolchain: 'cc', target, root })).path), 'three\n');
    await rm(first.path);
    assert.equal(run((await build({ toolchain: 'cc', target, root })).path), 'three\n');
    await writeFile(join(first.path, '../build.json'), '{');
    assert.equal(run((await build({ toolchain: 'cc', target, root })).path), 'three\n');
  });

  it('an error of the compiler: its first line, and where the log is', async () => {
    await writeFile(join(root, 'kernels/note.h'), '#define NOTE nonsense\n');
    await assert.rejects(build({ toolchain: 'cc', target, root }), (e) => {
      assert.ok(e instanceof FleetError);
      const match = /^cc did not build the engine for \S+: .*error: .*nonsense.*; all of it is in (.*\.log)$/.exec(e.message);
      assert.ok(match, e.message);
      return true;
    });
    assert.ok((await readdir(join(root, '.fleet/builds'))).some((name) => name.endsWith('.log')));
    await writeFile(join(root, 'kernels/note.h'), '#define NOTE "four"\n');
    assert.equal(run((await build({ toolchain: 'cc', target, root })).path), 'four\n');
  });

  it('flags that are none, toolchains that are none, sources that are not there', async () => {
    for (const flags of ['x', '-O2 $(id)', '-O2;id', "-D'x'", '`id`'])
      await assert.rejects(build({ toolchain: 'cc', target, root, flags }), UsageError);
    await assert.rejects(build({ toolchain: 'clang-91', target, root }), /there is no toolchain "clang-91"; did you mean "clang-\d\d"/);
    await assert.rejects(build({ toolchain: 'cc', target, root: join(root, 'absent') }), /the engine's sources .*absent.*kernels cannot be read/);
  });

  it('a named set of flags is the flags it stands for; no other word passes', async () => {
    const named = await build({ toolchain: 'cc', target, root, flags: 'O2 -DX=2' });
    assert.equal(named.id, (await build({ toolchain: 'cc', target, root, flags: '-O2 -DX=2' })).id);
    await assert.rejects(build({ toolchain: 'cc', target, root, flags: 'O22' }), /"O22" is not a compiler flag .*did you mean "O2"/);
  });

  it('every toolchain says its version, or how to install it', async () => {
    const targets: Target[] = [target];
    const listed = await listToolchains(targets);
    assert.deepEqual(
      listed.map(({ name }) => name),
      TOOLCHAINS.map(({ name }) => name),
    );
    assert.deepEqual(listed[0]?.targets, targets);
    const absent = listed.find(({ version }) => version === null);
    if (absent)
      await assert.rejects(
        compilerFor(absent.name, target),
        new RegExp(
          `${absent.name} cannot build for \\S+: ${absent.name} is not installed; (on Debian: apt install ${absent.name} |not in this Debian).*or take one that is here: cc`,
        ),
      );
  });

  it('a cross toolchain gives a static binary of the target', async (t) => {
    const cross: Target = target === 'aarch64-linux' ? 'x86_64-linux' : 'aarch64-linux';
    for (const toolchain of ['cc', 'clang-14', 'clang-19']) {
      const made: Build | string = await build({ toolchain, target: cross, root }).catch((e: Error) => e.message);
      if (typeof made === 'string') {
        assert.match(made, /apt install/);
        t.diagnostic(`skipped: ${made}`);
        continue;
      }
      const head: Buffer = (await readFile(made.path)).subarray(0, 20);
      assert.equal(head.readUInt16LE(18), cross === 'aarch64-linux' ? 183 : 62); // e_machine
      assert.match(made.flags, /-static/);
    }
  });
});
