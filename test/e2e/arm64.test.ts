import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Facts } from '../../src/core/facts.ts';
import type { RunSummary } from '../../src/core/run.ts';
import { isReal, isValid } from '../../src/core/validity.ts';
import { openStore } from '../../src/store/store.ts';
import { BOARDS, layOut } from '../support/boards.ts';
import { cli, ROOT, scratch } from '../support/cli.ts';
import { Fleet, type FleetDevice, noNamespaces } from '../support/fleet.ts';
import { until } from '../support/job.ts';
import { clientHome } from '../support/sshd.ts';
import { stored } from '../support/stored.ts';

/**
 * The aarch64 build and an arm64 Node agent on arm64 Debian machines that qemu-user plays: real sshd, real Node and the real engine, all of it
 * arm64 code. It proves what is computed, never how fast. `npm run bench:arm64` writes what happened to FLEET_TABLE.
 */

const DEBIAN = join(ROOT, '.fleet/arm64/root');
const QEMU = '/usr/bin/qemu-aarch64-static';
const TOOLCHAIN = 'clang-19';

function missing(): string | false {
  if (noNamespaces) return noNamespaces;
  if (!existsSync(QEMU)) return `${QEMU} is absent (Debian: apt install qemu-user-static)`;
  if (spawnSync('unshare', ['--user', '--mount', 'true']).status !== 0) return 'the kernel gives no user namespace';
  if (spawnSync('clang-19', ['--version']).status !== 0) return 'clang-19 is absent';
  return existsSync(DEBIAN) ? false : `${DEBIAN} is absent: npm run arm64 makes it`;
}

test('Raspberry Pis that qemu plays: probed, built for, proved right, and never taken for real', { skip: missing() }, async (t) => {
  execFileSync(join(ROOT, 'fleet'), ['setup'], { stdio: 'ignore' });
  const folder = scratch();
  const devices = join(folder, 'devices');
  mkdirSync(devices);
  const fleet = await Fleet.start();
  t.after(() => fleet.stop());
  const boards = Object.entries(BOARDS);
  for (const [id, board] of boards) {
    layOut(join(folder, id), board);
    const environment = { ROOT: DEBIAN, BOARD: join(folder, id), QEMU, QEMU_CPU: board.cpu };
    const script = join(import.meta.dirname, '../support/arm64-device.sh');
    const [device] = await fleet.add([id], { environment: { QEMU_CPU: board.cpu }, init: { script, environment } });
    (device as FleetDevice).declare(devices, { tags: ['pis'] });
  }
  const options = { cwd: folder, within: fleet.within, env: { FLEET_DEVICES: devices, HOME: clientHome() } };
  const db = join(folder, 'fleet.db');

  const { code, stdout, stderr } = await cli(['bench', '-d', 'pis', '-c', TOOLCHAIN, '-s', 'smoke', '-t', '2', '--json'], options);
  const { runs } = JSON.parse(stdout) as { runs: RunSummary[] };
  assert.equal(code, 0, `${stderr}${runs.map(({ message }) => message).join('\n')}`);
  assert.deepEqual(runs.map(({ device }) => device).sort(), boards.map(([id]) => id).sort());
  const store = openStore(db, { readonly: true });
  const rows: string[][] = [];
  for (const summary of runs) {
    const board = BOARDS[summary.device as keyof typeof BOARDS];
    const run = store.run(summary.id);
    const facts = run?.facts as Facts;
    assert.deepEqual([run?.status, run?.build.target], ['ok', 'aarch64-linux'], run?.message ?? '');
    assert.deepEqual([facts.machine, facts.emulator, facts.board, facts.cores.length], ['aarch64', 'qemu-aarch64', board.model, 4]);
    assert.match(facts.node ?? '', /^(1[89]|2\d)\./);
    assert.deepEqual(facts.features, board.features.split(' ').sort());
    // Golden tokens and every kernel were right, or the run were none; the answers are those of this machine.
    assert.ok(run?.flags.includes('emulated') && run.emulated && !isValid(run) && !isReal(run));
    assert.deepEqual(
      run?.evidence.filter(({ flag }) => flag === 'emulated').map(({ evidence }) => evidence),
      ['its processor is played by qemu-aarch64'],
    );
    assert.equal(run?.engine?.isa, summary.device === 'rpi5' ? 'dotprod' : 'neon');
    const { whole, doubled } = stored(db, summary.id);
    assert.ok(whole && doubled === 0);
    const done = new Set(store.events(summary.id, 'phase').map(({ data }) => data.phase));
    assert.ok(done.has('check') && done.has('golden') && done.has('measure'), [...done].join());
    t.diagnostic(`${summary.device}: ${facts.board}, ${facts.cpu}, ISA ${run?.engine?.isa}, Node ${facts.node}: check ok, golden tokens equal`);
    const outputs = run?.outputs.map(({ prompt, hash }) => `${prompt} ${hash}`) ?? [];
    rows.push([
      ...[`${summary.device} (${facts.board})`, `${facts.cpu} by ${facts.emulator}`, `${facts.machine}, Node ${facts.node}`],
      ...[`${summary.build.compiler.replace(/^.*?clang version ([\d.]+).*$/, 'clang $1')}, ${run?.build.target}`, String(run?.engine?.isa)],
      ...['ok', 'equal', `equal (${new Set(outputs).size} of ${new Set(outputs).size} answers)`, summary.flags.join(', ')],
    ]);
  }
  store.close();
  for (const device of fleet.devices) await until(`nothing runs on ${device.id}`, () => device.programs().length === 0);

  const local = await cli(['bench', '-d', 'local', '-s', 'smoke', '-t', '2', '--json'], options);
  assert.equal(local.code, 0, local.stderr);
  const answers = (id: string) => {
    const reader = openStore(db, { readonly: true });
    const found = new Set(reader.run(id)?.outputs.map(({ prompt, hash }) => `${prompt} ${hash}`));
    reader.close();
    return found;
  };
  const here = answers((JSON.parse(local.stdout) as { runs: RunSummary[] }).runs[0]?.id as string);
  for (const { id } of runs) assert.deepEqual(answers(id), here, 'arm64 and x86-64 give the same tokens');
  if (process.env.FLEET_TABLE) writeFileSync(process.env.FLEET_TABLE, report(rows));

  const compared = await cli(['compare', TOOLCHAIN, `${TOOLCHAIN}:-O2`, '-d', 'rpi5', '-s', 'smoke', '--json'], options);
  assert.equal(compared.code, 1);
  assert.match(compared.stderr, /device rpi5: its processor is emulated, so its timings mean nothing and nothing is compared/);
});

function report(rows: readonly (readonly string[])[]): string {
  const lines = rows.map((row) => `| ${row.join(' | ')} |`);
  return `# arm64 without arm64 hardware

Made by \`npm run bench:arm64\` (\`test/e2e/arm64.test.ts\`): arm64 Debian machines with their own OpenSSH server, Node and what their kernel tells in /proc and /sys, played by
qemu-user in namespaces of their own, benched by \`fleet bench -d pis -c ${TOOLCHAIN} -s smoke -t 2\`. It shows that the aarch64 build and the arm64 agent do the right thing on
each CPU, not how fast: the runs carry the flag \`emulated\`, which no chart and no comparison takes.

| device | CPU played | system | build | ISA used | trit check | golden tokens | tokens beside x86-64 | flags |
| :-- | :-- | :-- | :-- | :-- | :-- | :-- | :-- | :-- |
${lines.join('\n')}
`;
}
