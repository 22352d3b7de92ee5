import assert from 'node:assert/strict';
import { execFile, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';

const root = path.resolve(import.meta.dirname, '../..');
const out = path.join(root, '.fleet/test/trit');
const lock = path.join(root, '.fleet/test/trit.lock.db');

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
  const held = new Database(lock, { timeout: 0 });
  try {
    while (!taken(held)) await sleep(100);
    await promisify(execFile)('make', ['-j2', '-C', path.join(root, 'kernels'), `OUT=${out}`], { maxBuffer: 1 << 26 });
  } finally {
    held.close();
  }
  return path.join(out, 'trit');
}

/** Takes the lock of the output folder: one that the system takes from a process that dies, so that none is ever left behind. */
function taken(held: Database.Database): boolean {
  try {
    held.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'SQLITE_BUSY') throw error;
    return false;
  }
}
