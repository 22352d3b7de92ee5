import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeHost } from '../../agents/hosts/node.ts';
import { diskReads, loadAverage, machineTicks, processTimes, proportionalSet, residentSet, swapUsed } from '../../agents/proc.ts';
import { Watch } from '../../agents/watch.ts';
import type { Host } from '../../src/core/host.ts';

const MODEL = 1 << 30;

/** A machine whose /proc says what we want. */
function machine(files: Record<string, string>): Host {
  return {
    readFile: async (path) => {
      const text = files[path];
      if (text === undefined) throw new Error(`${path}: no such file`);
      return text;
    },
    list: async () => [],
    exec: async () => ({ code: 127, stdout: '', stderr: '' }),
    spawn: async () => Promise.reject(new Error('nothing runs here')),
  };
}

/** Ticks of the whole machine (busy, idle) and of the engine; bytes of swap in use, swapped out of the engine, read by it. */
function files(busy: number, idle: number, engine: number, { swap = 0, out = 0, read = 0 } = {}): Record<string, string> {
  return {
    '/proc/stat': `cpu  ${busy} 0 0 ${idle} 0 0 0 0 0 0\ncpu0 1 1 1\n`,
    '/proc/7/stat': `7 (a (b) c) S 1 7 7 0 -1 4194560 100 0 3 0 ${engine - 5} 5 0 0 20 0 3 0 100 1 1\n`,
    '/proc/7/status': `Name:\ttrit\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nVmSwap:\t    ${out / 1024} kB\n`,
    '/proc/7/io': `rchar: 9\nread_bytes: ${read}\nwrite_bytes: 1\n`,
    '/proc/meminfo': `MemTotal: 100 kB\nSwapTotal:    1000000 kB\nSwapFree:     ${1000000 - swap / 1024} kB\n`,
  };
}

async function verdict(before: Record<string, string>, after: Record<string, string>, own = [0, 0]): Promise<string[]> {
  const now = { ...before };
  const watch = await Watch.begin(machine(now), 7, MODEL, () => own.shift() ?? 0);
  for (const path of Object.keys(now)) delete now[path];
  Object.assign(now, after);
  return (await watch.end()).map(({ flag, evidence }) => `${flag}: ${evidence}`);
}

test('what the engine and the agent use is not foreign; what others use is, beyond 5 %', async () => {
  assert.deepEqual(await verdict(files(0, 0, 5), files(1000, 1000, 955), [0, 0.4]), []);
  assert.deepEqual(await verdict(files(0, 0, 5), files(1000, 1000, 905)), []);
  assert.match(
    (await verdict(files(0, 0, 5), files(1000, 1000, 705))).join(),
    /^busy: other programs used 15\.0 % of the processor, more than 5\.0 %$/,
  );
  assert.deepEqual(await verdict(files(0, 0, 5), files(12, 12, 8)), [], 'a tenth of a second is too coarse to tell');
});

test('swap that grew, pages of the engine in it, and weights read from disk', async () => {
  assert.match((await verdict(files(0, 0, 5), files(9, 1, 14, { swap: 2 << 20 }))).join(), /^swapped: swap grew by 2097152 bytes$/);
  assert.match((await verdict(files(0, 0, 5), files(9, 1, 14, { out: 8192 }))).join(), /^swapped: 8192 bytes of the engine are swapped out$/);
  assert.deepEqual(await verdict(files(0, 0, 5), files(9, 1, 14, { read: 4 << 20 })), [], 'little of a large model');
  assert.match(
    (await verdict(files(0, 0, 5), files(9, 1, 14, { read: 20 << 20 }))).join(),
    /^major-faults-in-decode: the engine read 20971520 bytes/,
  );
});

test('a system that tells nothing raises nothing', async () => {
  assert.deepEqual(await verdict({}, {}), []);
  assert.deepEqual(await verdict(files(0, 0, 5), {}), []);
  const odd = {
    '/proc/stat': 'cpu x',
    '/proc/7/stat': '7 (',
    '/proc/7/status': '',
    '/proc/7/io': 'read_bytes: -1',
    '/proc/meminfo': 'SwapFree: ? kB',
  };
  assert.deepEqual(await verdict(odd, odd), []);
  for (const read of [processTimes, residentSet, proportionalSet, diskReads]) assert.equal(await read(machine(odd), 7), null);
  for (const read of [machineTicks, swapUsed, loadAverage]) assert.equal(await read(machine(odd)), null);
});

test('on this machine a program that spins is noticed', { skip: !existsSync('/proc/stat') && 'there is no /proc here' }, async () => {
  const watch = await Watch.begin(nodeHost, process.pid, MODEL, () => 0);
  const spinners = cpus().map(() => spawn('sh', ['-c', 'while :; do :; done']));
  await sleep(1500);
  for (const spinner of spinners) spinner.kill('SIGKILL');
  assert.ok((await watch.end()).some(({ flag }) => flag === 'busy'));
  assert.ok(((await residentSet(nodeHost, process.pid))?.peak ?? 0) > 1e6);
  assert.ok(((await proportionalSet(nodeHost, process.pid)) ?? 0) > 1e6);
});
