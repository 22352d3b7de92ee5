import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { temporaryFolder } from './folder.ts';

export const ROOT = resolve(import.meta.dirname, '../..');

export interface Told {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

export interface Started {
  child: ChildProcess;
  /** Resolves when stderr or stdout has matched; rejects where the program ends first. */
  said(pattern: RegExp): Promise<void>;
  ended: Promise<Told>;
}

export interface CliOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** A command that becomes the program it is given, such as nsenter: where the command line runs. */
  within?: readonly string[];
  /** Another copy of fleet than this one. */
  root?: string;
}

/** A new folder that is removed when this process ends. */
export function scratch(): string {
  return temporaryFolder('cli');
}

const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => void child.kill('SIGKILL'))); // what a test that failed has left

/** Starts the command line from its sources. */
export function start(args: readonly string[], { cwd = ROOT, env = {}, within = [], root = ROOT }: CliOptions = {}): Started {
  const loader = import.meta.resolve('tsx');
  const [program = '', ...rest] = [...within, process.execPath, '--import', loader, join(root, 'src/cli/main.ts'), ...args];
  const child = spawn(program, rest, {
    cwd,
    env: { ...process.env, NO_COLOR: '1', FLEET_DB: '', FLEET_DEVICES: '', NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Told>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => done({ code, signal, stdout, stderr }));
  });
  const said = (pattern: RegExp): Promise<void> =>
    new Promise((done, fail) => {
      const look = (): void => {
        if (pattern.test(stdout) || pattern.test(stderr)) done();
      };
      child.stdout?.on('data', look);
      child.stderr?.on('data', look);
      ended.then(
        () => fail(new Error(`it ended without saying ${pattern}: ${stderr}`)),
        (error) => fail(error),
      );
      look();
    });
  return { child, said, ended };
}

/** Runs it to its end. */
export function cli(args: readonly string[], options?: CliOptions): Promise<Told> {
  return start(args, options).ended;
}

/** The one JSON document that stdout must be of a command that ends with this status. */
export async function cliJson(args: readonly string[], options?: CliOptions, status = 0): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await cli([...args, '--json'], options);
  assert.equal(code, status, stderr);
  return JSON.parse(stdout);
}
