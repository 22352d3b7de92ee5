import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { clustersOf, cpuRanges } from '../../src/core/facts.ts';
import { loadProfiles } from '../../src/fleet/profiles.ts';
import { proposeProfile } from '../../src/fleet/proposal.ts';

const profiles = await loadProfiles(fileURLToPath(new URL('../../devices/profiles', import.meta.url)));
const of = (board: string | null, cpu: string | null, machine: string) => proposeProfile({ board, cpu, machine }, profiles);

test('a profile is proposed by the board, else the processor, else the machine', () => {
  assert.equal(of('Raspberry Pi 5 Model B Rev 1.0', null, 'aarch64'), 'rpi5');
  assert.equal(of('Raspberry Pi 3 Model B Plus Rev 1.3', null, 'armv7l'), 'rpi3');
  assert.equal(of('motorola moto g56 5G', 'Cortex-A78 + Cortex-A55', 'aarch64'), 'moto-g56');
  assert.equal(of('ThinkPad X390', 'Intel(R) Core(TM) i5-8365U CPU @ 1.60GHz', 'x86_64'), 'thinkpad-8365u');
  assert.equal(of('Orange Pi 5', null, 'aarch64'), 'generic-aarch64');
  assert.equal(of(null, null, 'riscv64'), null);
});

const core = (id: number, capacity: number | null, max_hz: number | null = null) => ({ id, capacity, max_hz });

test('clusters: by capacity, else by clock, the fastest first; turbo bins are no clusters', () => {
  const phone = [0, 1, 2, 3, 4, 5].map((id) => core(id, 430, 2e9)).concat([core(6, 1024, 2.6e9), core(7, 1024, 2.6e9)]);
  assert.deepEqual(
    clustersOf(phone).map(({ cpus, capacity }) => [cpuRanges(cpus), capacity]),
    [
      ['6-7', 1024],
      ['0-5', 430],
    ],
  );
  assert.deepEqual(
    clustersOf([core(0, null, 4.8e9), core(1, null, 4.9e9), core(2, null, 3.4e9)]).map(({ cpus }) => cpus),
    [[0, 1], [2]],
  );
  assert.equal(clustersOf([core(0, null), core(1, null)]).length, 1);
  assert.deepEqual(clustersOf([]), []);
  assert.equal(cpuRanges([0, 1, 3, 5, 6]), '0-1,3,5-6');
});
