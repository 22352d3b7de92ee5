import { execFileSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { temporaryFolder } from './folder.ts';

const git = (folder: string, ...args: string[]): string => execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8' }).trim();

/** An empty git repository that is removed after the test. */
export function repository(t?: TestContext): string {
  const folder = temporaryFolder('repository', t);
  git(folder, 'init', '-q');
  return folder;
}

/** Commits all there is, under a name that needs no configuration. Returns the commit. */
export function commit(folder: string, message: string): string {
  git(folder, 'add', '-A');
  git(
    folder,
    '-c',
    'user.name=test',
    '-c',
    'user.email=test@localhost',
    '-c',
    'commit.gpgsign=false',
    'commit',
    '-q',
    '--allow-empty',
    '-m',
    message,
  );
  return git(folder, 'rev-parse', 'HEAD');
}
