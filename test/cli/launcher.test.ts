import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, scratch, type Told } from '../support/cli.ts';

/**
 * The launcher in a small project of its own, with a node and an npm that note how they are called: what it decides is seen without
 * installing anything. Installing itself is shown by a fresh clone.
 */
function project(node = 'v20.11.0') {
  const root = scratch();
  const bin = join(root, 'bin');
  for (const folder of ['bin', 'src/cli', 'agents', 'web']) mkdirSync(join(root, folder), { recursive: true });
  copyFileSync(join(ROOT, 'fleet'), join(root, 'fleet'));
  writeFileSync(join(root, 'package-lock.json'), '{}');
  writeFileSync(join(root, 'src/cli/main.ts'), '');
  script(join(bin, 'node'), [
    `[ "$1" = --version ] && { echo ${node}; exit 0; }`,
    `case $1 in -e) [ ! -f "${root}/no-sqlite" ]; exit ;; esac`,
    `case $1 in *bundle.mjs) echo bundle >>"${root}/log"; [ ! -f "${root}/no-bundle" ] || exit 1; mkdir -p "${root}/dist"; : >"${root}/dist/built"; exit 0 ;; esac`,
    'echo "ran in $(pwd): $*"',
  ]);
  script(join(bin, 'npm'), [
    `echo "npm $1" >>"${root}/log"`,
    `[ ! -f "${root}/no-network" ] || exit 1`,
    `sleep 0.3; mkdir -p node_modules; : >node_modules/.package-lock.json`,
    `[ "$1" != rebuild ] || [ -f "${root}/no-compiler" ] || rm -f "${root}/no-sqlite"`,
  ]);
  const env = { PATH: `${bin}:/usr/bin:/bin` };
  const run = (args: string[] = ['runs'], { cwd = root, file = join(root, 'fleet'), path = env.PATH } = {}) => sh(file, args, cwd, { PATH: path });
  const log = (): string[] => (existsSync(join(root, 'log')) ? readFileSync(join(root, 'log'), 'utf8').trim().split('\n') : []);
  return { root, bin, run, log };
}

function script(file: string, lines: string[]): void {
  writeFileSync(file, `#!/bin/sh\n${lines.join('\n')}\n`);
  chmodSync(file, 0o755);
}

function sh(file: string, args: string[], cwd: string, env: Record<string, string>): Promise<Told> {
  const child = spawn(file, args, { cwd, env });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => done({ code, signal, stdout, stderr }));
  });
}

test('it installs and bundles once, and then just starts', async () => {
  const { root, run, log } = project();
  const first = await run();
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stderr, /installing npm packages/);
  assert.equal(first.stdout, `ran in ${root}: ${root}/dist/fleet.mjs runs\n`);
  const second = await run(['show', 'a b', '']);
  assert.equal(second.stderr, '');
  assert.equal(second.stdout, `ran in ${root}: ${root}/dist/fleet.mjs show a b \n`);
  assert.deepEqual(log(), ['npm ci', 'bundle']);
});

test('it stays in the folder of its caller, through symbolic links', async () => {
  const { root, run } = project();
  const elsewhere = scratch();
  symlinkSync(join(root, 'fleet'), join(elsewhere, 'absolute'));
  symlinkSync('absolute', join(elsewhere, 'relative'));
  for (const name of ['absolute', 'relative']) {
    const { stdout, stderr } = await run(['x'], { cwd: elsewhere, file: join(elsewhere, name) });
    assert.equal(stdout, `ran in ${elsewhere}: ${root}/dist/fleet.mjs x\n`, stderr);
  }
});

test('it bundles again when a source is newer, and installs again when the lock file is', async () => {
  const { root, run, log } = project();
  await run();
  const future = new Date(Date.now() + 5000);
  utimesSync(join(root, 'src/cli/main.ts'), future, future);
  await run();
  assert.deepEqual(log(), ['npm ci', 'bundle', 'bundle']);
  utimesSync(join(root, 'package-lock.json'), future, future);
  await run();
  assert.deepEqual(log().slice(3), ['npm ci', 'bundle']);
});

test('two at once: one installs, the other waits', async () => {
  const { run, log } = project();
  const both = await Promise.all([run(), run()]);
  for (const { code, stderr } of both) assert.equal(code, 0, stderr);
  assert.equal(log().filter((line) => line === 'npm ci').length, 1);
});

test('the lock of a process that is gone is taken away, by one of those that wait', async () => {
  const { root, run, log } = project();
  const gone = await sh('/bin/sh', ['-c', 'echo $$'], root, {});
  mkdirSync(join(root, '.fleet/install.lock'), { recursive: true });
  writeFileSync(join(root, '.fleet/install.lock/pid'), gone.stdout);
  for (const { code, stderr } of await Promise.all([run(), run(), run()])) assert.equal(code, 0, stderr);
  assert.equal(log().filter((line) => line === 'npm ci').length, 1);
  assert.deepEqual(readdirSync(join(root, '.fleet')), []);
});

test('no Node, or an old one: a sentence with what to do', async () => {
  const { run, bin } = project('v18.19.0');
  const old = await run();
  assert.equal(old.code, 1);
  assert.match(old.stderr, /^fleet: this is Node\.js v18\.19\.0, and fleet needs 20 or newer: .*nodejs\.org/);
  const tools = scratch();
  for (const name of ['dirname', 'readlink']) symlinkSync(`/usr/bin/${name}`, join(tools, name));
  const none = await run([], { path: tools });
  assert.equal(none.code, 1);
  assert.match(none.stderr, /^fleet: Node\.js is not installed; /);
  assert.ok(existsSync(bin));
});

test('what fails is told in a sentence, and the lock is given back', async () => {
  const { root, run } = project();
  writeFileSync(join(root, 'no-network'), '');
  const offline = await run();
  assert.equal(offline.code, 1);
  assert.match(offline.stderr, /npm could not install the packages/);
  assert.ok(!existsSync(join(root, '.fleet/install.lock')));
});

test('a native module that does not load is built again; where that fails, the packages that unlock it are named', async () => {
  const { root, run, log } = project();
  for (const name of ['no-sqlite', 'no-compiler']) writeFileSync(join(root, name), '');
  const failed = await run();
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /better-sqlite3 could not be built .*apt install build-essential python3/);
  rmSync(join(root, 'no-compiler'));
  assert.equal((await run()).code, 0);
  assert.deepEqual(log(), ['npm ci', 'npm rebuild', 'npm rebuild', 'bundle']);
});

test('sources that cannot be bundled are no half start', async () => {
  const { root, run } = project();
  writeFileSync(join(root, 'no-bundle'), '');
  const { code, stdout, stderr } = await run();
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /could not be bundled/);
});
