import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunSummary } from '../../src/core/run.ts';
import { openStore } from '../../src/store/store.ts';
import { cli, ROOT, scratch, start } from '../support/cli.ts';
import { Fleet, noNamespaces } from '../support/fleet.ts';
import { until } from '../support/job.ts';
import { clientHome } from '../support/sshd.ts';
import { stored } from '../support/stored.ts';

/**
 * Many devices benched at once from one controller: `npm run bench:fleet` takes 50, and writes what it cost to FLEET_TABLE. All of them share the
 * cores of this machine, so that their own figures mean nothing, and are flagged so; the controller's mean something.
 */

const COUNT = Number(process.env.FLEET_COUNT ?? 12);
const SUITE = 'smoke';

test(`${COUNT} devices at once: every one measured, whole, with the same tokens`, { skip: noNamespaces }, async (t) => {
  execFileSync(join(ROOT, 'fleet'), ['setup'], { stdio: 'ignore' });
  const folder = scratch();
  const devices = join(folder, 'devices');
  mkdirSync(devices);
  const fleet = await Fleet.start();
  t.after(() => fleet.stop());
  const begun = performance.now();
  await fleet.add(Array.from({ length: COUNT }, (_, i) => `d${i + 1}`));
  const up = performance.now() - begun;
  for (const device of fleet.devices) device.declare(devices, { tags: ['farm'] });
  const options = { cwd: folder, within: fleet.within, env: { FLEET_DEVICES: devices, HOME: clientHome() } };
  assert.equal((await cli(['build', '--json'], options)).code, 0);

  const from = performance.now();
  const { child, ended } = start(['bench', '-d', 'farm', '-s', SUITE, '-t', '1', '--json'], options);
  const cost = watch(child.pid as number);
  const { code, stdout, stderr } = await ended;
  const wall = (performance.now() - from) / 1000;
  cost.stop();
  assert.equal(code, 0, stderr);
  const { runs, errors } = JSON.parse(stdout) as { runs: RunSummary[]; errors: unknown[] };
  assert.deepEqual(errors, []);
  assert.deepEqual(runs.map(({ device }) => device).sort(), fleet.devices.map(({ id }) => id).sort());
  const store = openStore(join(folder, 'fleet.db'), { readonly: true });
  const hashes = runs.map(({ id }) => new Set(store.run(id)?.outputs.map(({ prompt, hash }) => `${prompt} ${hash}`)));
  store.close();
  let records = 0;
  for (const [i, { id, device, status, message }] of runs.entries()) {
    assert.equal(status, 'ok', `${device}: ${message}`);
    assert.deepEqual(hashes[i], hashes[0]);
    const { whole, doubled, seqs } = stored(join(folder, 'fleet.db'), id);
    assert.ok(whole && doubled === 0, device);
    records += seqs.size;
  }
  for (const device of fleet.devices) {
    await until(`nothing runs on ${device.id}`, () => device.programs().length === 0); // an agent ends after its last record
    assert.deepEqual(readdirSync(join(device.workdir, 'jobs')), []);
  }

  const figures: [string, string][] = [
    ['devices', `${COUNT} (OpenSSH servers in namespaces of their own; up in ${(up / 1000).toFixed(1)} s)`],
    ['wall time of `fleet bench`', `${wall.toFixed(1)} s`],
    ['controller, peak resident memory', `${(cost.rss / 1e6).toFixed(0)} MB`],
    ['controller, processor time', `${cost.cpu.toFixed(1)} s (${((100 * cost.cpu) / wall).toFixed(0)} % of one core)`],
    ['records stored', `${records}, each once`],
  ];
  for (const [name, value] of figures) t.diagnostic(`${name}: ${value}`);
  if (process.env.FLEET_TABLE) writeFileSync(process.env.FLEET_TABLE, report(figures));
});

/** Follows what a process costs until it ends: its highest resident memory (bytes) and its processor time (s), its children left out. */
function watch(pid: number): { rss: number; cpu: number; stop(): void } {
  const cost = { rss: 0, cpu: 0, stop: () => clearInterval(timer) };
  const timer = setInterval(() => {
    try {
      cost.rss = 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) || cost.rss;
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const [user, system] = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .slice(11, 13);
      cost.cpu = (Number(user) + Number(system)) / 100;
    } catch {
      // it has ended
    }
  }, 50);
  return cost;
}

function report(figures: readonly [string, string][]): string {
  return `# One controller, many devices

Made by \`npm run bench:fleet\` (\`test/e2e/fleet.test.ts\`): \`fleet bench -d farm -s ${SUITE} -t 1\` over real OpenSSH servers, each in network, mount, process and
host-name namespaces of its own on one machine. The devices share that machine's cores, so what they measured means nothing and is not shown; what the
controller cost does.

| what | how much |
| :-- | :-- |
${figures.map((row) => `| ${row.join(' | ')} |`).join('\n')}
`;
}
