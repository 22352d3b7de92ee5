import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkOut, commitOfKernels, commitsBetween } from '../../src/fleet/commits.ts';
import { temporaryFolder } from '../support/folder.ts';
import { commit, repository } from '../support/repository.ts';

test('commits that changed kernels/, the good one first; others and those after are left out', async (t) => {
  const folder = repository(t);
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
  mkdirSync(join(folder, 'kernels'));
  write('kernels/a.c', 'int a;\n');
  const first = commit(folder, 'first');
  write('README', 'words\n');
  commit(folder, 'words only');
  write('kernels/a.c', 'int b;\n');
  const second = commit(folder, 'second \u001b[2J');
  write('kernels/a.c', 'int c;\n');
  const third = commit(folder, 'third');
  write('kernels/a.c', 'int d;\n');
  commit(folder, 'too late');
  const found = await commitsBetween(folder, first.slice(0, 10), third);
  assert.deepEqual(
    found.map(({ id }) => id),
    [first, second, third],
  );
  assert.equal(found[2]?.subject, 'third');
  await assert.rejects(commitsBetween(folder, third, first), /does not come before/);
  await assert.rejects(commitsBetween(folder, first, `${second}~`), /nothing in kernels\/ was changed/);
  await assert.rejects(commitsBetween(folder, 'v9', 'HEAD'), /there is no commit "v9".*git fetch --unshallow/);
  await assert.rejects(commitsBetween(folder, '--output=/tmp/x', 'HEAD'), /there is no commit/);
  await assert.rejects(commitsBetween(temporaryFolder('no-git', t), 'a', 'b'), /is no git repository/);

  const out = join(temporaryFolder('commit', t), 'deep/er');
  for (const [id, text] of [
    [second, 'int b;\n'],
    [first, 'int a;\n'],
  ] as const) {
    await checkOut(folder, id, out);
    assert.equal(readFileSync(join(out, 'kernels/a.c'), 'utf8'), text);
  }
  assert.ok(!existsSync(`${out}.part`) && !existsSync(join(out, 'kernels.tar')));
});

test('sources know the commit that they stand at, and whether they were changed since', async (t) => {
  const folder = repository(t);
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
  mkdirSync(join(folder, 'kernels'));
  write('README', 'words\n');
  commit(folder, 'words only');
  assert.deepEqual(await commitOfKernels(folder), {}, 'no commit has them');
  write('kernels/a.c', 'int a;\n');
  const first = commit(folder, 'first').slice(0, 12);
  write('README', 'more words\n');
  commit(folder, 'words again');
  assert.deepEqual(await commitOfKernels(folder), { commit: first }, 'what changes nothing of kernels/ does not count');
  write('kernels/b.c', 'int b;\n');
  assert.deepEqual(await commitOfKernels(folder), { commit: `${first}+` }, 'a new file is a change');
  const second = commit(folder, 'second').slice(0, 12);
  assert.deepEqual(await commitOfKernels(folder), { commit: second });
  write('kernels/a.c', 'int c;\n');
  assert.deepEqual(await commitOfKernels(folder), { commit: `${second}+` });
  assert.deepEqual(await commitOfKernels(temporaryFolder('no-git', t)), {});
  assert.deepEqual(await commitOfKernels(join(folder, 'nowhere')), {});
});
