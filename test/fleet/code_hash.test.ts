import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { codeHash } from '../../src/fleet/code_hash.ts';
import { hostTarget } from '../../src/fleet/target.ts';
import { compilerFor } from '../../src/fleet/toolchains.ts';

const missing = await compilerFor('cc', hostTarget()).then(
  () => (process.platform === 'linux' ? false : 'objects are ELF files on Linux only'),
  (error: Error) => error.message,
);

describe('code hash', { skip: missing }, () => {
  const folders: string[] = [];
  after(() => folders.forEach((folder) => void rmSync(folder, { recursive: true, force: true })));

  function objects(source: string, flags: string[] = []): string {
    const folder = mkdtempSync(join(tmpdir(), 'fleet-code-'));
    folders.push(folder);
    writeFileSync(join(folder, 'a.c'), source);
    execFileSync('cc', ['-O2', ...flags, '-c', 'a.c', '-o', 'a.o'], { cwd: folder });
    return folder;
  }
  const SOURCE = 'int one(int); int two(int); static const int n[] = {1, 2, 3};\nint f(int i) { return one(i) + n[i & 1]; }\n';

  it('is the same for flags that change nothing, whatever names the compiler', async () => {
    const plain = objects(SOURCE);
    const flagged = objects(SOURCE, ['-DUNUSED=1', '-Wextra', '-fno-ident']);
    writeFileSync(join(flagged, 'version.o'), 'another name');
    assert.equal(await codeHash(flagged), await codeHash(plain));
    assert.match((await codeHash(plain)) ?? '', /^[0-9a-f]{64}$/);
  });

  it('differs for other instructions, constants and callees', async () => {
    const hashes = await Promise.all(
      [objects(SOURCE), objects(SOURCE, ['-O0']), objects(SOURCE.replace('3}', '4}')), objects(SOURCE.replace('one(i)', 'two(i)'))].map(codeHash),
    );
    assert.equal(new Set(hashes).size, 4);
  });

  it('says nothing of what is no ELF object', async () => {
    const folder = objects(SOURCE);
    writeFileSync(join(folder, 'b.o'), 'BC\xc0\xde link-time optimisation'.padEnd(100));
    assert.equal(await codeHash(folder), null);
    assert.equal(await codeHash(objects(SOURCE, ['-flto'])), null);
    rmSync(join(folder, 'a.o'));
    rmSync(join(folder, 'b.o'));
    assert.equal(await codeHash(folder), null);
  });
});
