import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { $ } from 'zx';
import { reason, UsageError } from '../core/errors.ts';

export interface Commit {
  /** 40 hex digits. */
  id: string;
  /** First line of its message: text of any origin. */
  subject: string;
}

/**
 * The commits between two that changed kernels/, oldest first, with `good` in front; merges count as one step. Throws a UsageError where the
 * folder is no git repository, a name is no commit, `good` does not come before `bad`, or nothing was changed.
 */
export async function commitsBetween(repository: string, good: string, bad: string): Promise<Commit[]> {
  const [from, to] = [await commitOf(repository, good), await commitOf(repository, bad)];
  const ancestor = await git(repository, ['merge-base', '--is-ancestor', from, to]);
  if (ancestor.code !== 0) throw new UsageError(`${good} does not come before ${bad} in ${repository}; give an earlier commit as --good`);
  const listed = await told(repository, ['log', '--first-parent', '--reverse', '--format=%H %s', `${from}..${to}`, '--', 'kernels']);
  const [first] = (await told(repository, ['log', '-1', '--format=%H %s', from])).split('\n');
  const commits = [first ?? '', ...listed.split('\n')].filter(Boolean).map((line) => ({ id: line.slice(0, 40), subject: line.slice(41) }));
  if (commits.length < 2) throw new UsageError(`nothing in kernels/ was changed between ${good} and ${bad}: both run the same engine`);
  return commits;
}

interface Told {
  /** 12 digits, with a + where something differs from it; absent where git does not tell. */
  commit?: string;
}

/** Questions to git that are not answered yet: fifty devices want one build at once. */
const asked = new Map<string, Promise<Told>>();

/** The newest commit that changed kernels/ of a folder. */
export async function commitOfKernels(folder: string): Promise<Told> {
  const question = asked.get(folder) ?? newestIn(folder).finally(() => asked.delete(folder));
  asked.set(folder, question);
  return question;
}

async function newestIn(folder: string): Promise<Told> {
  const newest = await git(folder, ['--no-optional-locks', 'log', '-1', '--format=%H', '--', 'kernels']);
  if (newest.code !== 0 || newest.stdout.trim() === '') return {};
  const changed = await git(folder, ['--no-optional-locks', 'status', '--porcelain', '--', 'kernels']);
  return { commit: `${newest.stdout.slice(0, 12)}${changed.code === 0 && changed.stdout === '' ? '' : '+'}` };
}

async function commitOf(repository: string, name: string): Promise<string> {
  const inside = await git(repository, ['rev-parse', '--git-dir']);
  if (inside.code === 127) throw new UsageError('git is not installed; on Debian: apt install git');
  if (inside.code !== 0) throw new UsageError(`${repository} is no git repository; name one with --repository`);
  const found = await git(repository, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`]);
  if (found.code !== 0) throw new UsageError(`there is no commit "${name}" in ${repository}; a shallow clone may lack it: git fetch --unshallow`);
  return found.stdout.trim();
}

/** Puts kernels/ of a commit into a folder, whole or not at all. What is there already stays. */
export async function checkOut(repository: string, commit: string, folder: string): Promise<void> {
  const part = `${folder}.part`;
  await rm(part, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
  await mkdir(part, { recursive: true });
  await mkdir(dirname(folder), { recursive: true });
  await told(repository, ['archive', '--format=tar', '-o', `${part}/kernels.tar`, commit, 'kernels']);
  const { exitCode, stderr } = await quiet()`tar -xf ${part}/kernels.tar -C ${part}`;
  if (exitCode !== 0) throw new UsageError(`the sources of ${commit.slice(0, 12)} cannot be unpacked in ${part}: ${reason(stderr)}`);
  await rm(`${part}/kernels.tar`);
  await rename(part, folder);
}

async function told(repository: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await git(repository, args);
  if (code !== 0) throw new UsageError(`git ${args[0]} failed in ${repository}: ${reason(stderr.trim())}`);
  return stdout.trim();
}

async function git(repository: string, args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { exitCode, stdout, stderr } = await quiet()`git -C ${repository} ${args}`;
  return { code: exitCode ?? 1, stdout, stderr };
}

function quiet() {
  return $({ nothrow: true, quiet: true, detached: false, timeout: '120s', env: { ...process.env, LC_ALL: 'C' } });
}
