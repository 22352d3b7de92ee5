import assert from 'node:assert/strict';
import { execFile, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isRunning } from '../../src/fleet/process.ts';

const root = path.resolve(import.meta.dirname, '../..');
const out = path.join(root, '.fleet/test/trit');
const lock = path.join(root, '.fleet/test/trit.lock');

let built: Promise<string> | undefined;

/** Path of a `trit` built from kernels/ with the host's compiler; built once, however many test files ask at the same time. */
export function trit(): Promise<string> {
  built ??= build();
  return built;
}

/** Runs a binary with bytes or text on stdin and waits for its end. */
export function run(binary: string, args: readonly string[], input: string | Uint8Array = ''): SpawnSyncReturns<string> {
  return spawnSync(binary, args, { input, encoding: 'utf8', maxBuffer: 1 << 28 });
}

/** What a command printed that must succeed. */
export function printed(binary: string, args: readonly string[], input: string | Uint8Array = ''): string {
  const { status, stdout, stderr } = run(binary, args, input);
  assert.equal(status, 0, `trit ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** ISAs of this machine as `trit info` tells them, the least one first. */
export function isasHere(binary: string): string[] {
  const { isas } = JSON.parse(printed(binary, ['info', '-o', 'json'])) as { isas: { name: string; available: boolean }[] };
  return isas.filter(({ available }) => available).map(({ name }) => name);
}

async function build(): Promise<string> {
  mkdirSync(path.dirname(lock), { recursive: true });
  while (!take()) await sleep(100);
  try {
    await promisify(execFile)('make', ['-j2', '-C', path.join(root, 'kernels'), `OUT=${out}`], { maxBuffer: 1 << 26 });
  } finally {
    rmSync(lock, { force: true });
  }
  return path.join(out, 'trit');
}

/** Takes the lock of the output folder, also from a process that died with it. */
function take(): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    const holder = Number(readOrEmpty(lock));
    if (holder > 0 && !isRunning(holder)) rmSync(lock, { force: true });
    return false;
  }
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
