import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { openStore } from '../../src/store/store.ts';
import { cli, ROOT, scratch } from './cli.ts';

/** What was measured: the file of the database, and what built the engine. */
export interface Measured {
  path: string;
  toolchains: string[];
  /** Runs that may stand in charts; none where other programs used the processor so much that a toolchain or a number of threads has none. */
  valid: number;
}

const THREADS = [1, 2];
let made: Promise<Measured> | undefined;

/**
 * A database that the command line filled by measuring this machine: the suite smoke with each of two compilers (one, where no clang is
 * installed) and one and two threads, and the quality of its model. Once a process; copy the file to write to it.
 */
export function measured(): Promise<Measured> {
  made ??= measure();
  return made;
}

async function measure(): Promise<Measured> {
  execFileSync(join(ROOT, 'fleet'), ['setup'], { stdio: 'ignore' });
  const folder = scratch();
  const devices = join(folder, 'devices');
  mkdirSync(devices);
  writeFileSync(join(devices, 'local.yaml'), stringify({ connector: 'local', workdir: join(folder, 'work') }));
  const clang = ['clang', 'clang-19', 'clang-14'].find((name) => spawnSync(name, ['--version']).status === 0);
  const toolchains = ['cc', ...(clang === undefined ? [] : [clang])];
  const options = { cwd: folder, env: { FLEET_DEVICES: devices, HOME: process.env.HOME ?? folder } };
  const path = join(folder, 'fleet.db');
  const valid = () => {
    const store = openStore(path, { readonly: true });
    const runs = store.runs({ valid: true, suite: 'smoke' });
    store.close();
    const has = (name: string, n: number) => runs.some(({ toolchain, threads }) => toolchain === name && threads === n);
    return toolchains.every((name) => THREADS.every((n) => has(name, n))) ? runs.length : 0;
  };
  // a busy moment makes a run invalid: then once more
  for (let i = 0; i < 3; i++) {
    await must(['bench', '-d', 'local', '-c', toolchains.join(','), '-s', 'smoke', '-t', THREADS.join(','), '--json'], options);
    if (valid() > 0) break;
  }
  await must(['eval', '-m', 'tiny', '-d', 'local', '--documents', '2', '--max-tokens', '32', '--json'], options);
  return { path, toolchains, valid: valid() };
}

async function must(args: string[], options: Parameters<typeof cli>[1]): Promise<void> {
  const { code, stderr } = await cli(args, options);
  if (code !== 0) throw new Error(`fleet ${args.join(' ')} ended with status ${code}: ${stderr}`);
}
