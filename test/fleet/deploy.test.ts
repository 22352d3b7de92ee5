import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { sha256On } from '../../src/core/device_file.ts';
import { sha256Of } from '../../src/fleet/checksum.ts';
import type { Connection } from '../../src/fleet/connection.ts';
import { deploy } from '../../src/fleet/deploy.ts';
import { WAYS, type Way } from '../support/connections.ts';

function shared({ name, skip, open }: Way): void {
  describe(`deploy over ${name}`, { skip }, () => {
    let folder: string;
    let workdir: string;
    let c: Connection;
    let stop: () => Promise<void>;
    let sent: string[] = [];
    const file = async (fileName: string, text: string) => {
      const local = join(folder, fileName);
      await writeFile(local, text);
      return { local, name: fileName, sha256: await sha256Of(local) };
    };
    const put = async (...files: Awaited<ReturnType<typeof file>>[]) => {
      sent = [];
      return deploy(c, { workdir }, files, { onProgress: (n, done, total) => void (done === total && sent.push(n)) });
    };
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'fleet-deploy-'));
      workdir = join(folder, 'work dir');
      ({ connection: c, stop } = await open(workdir));
    });
    after(async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    });

    it('puts files at paths named by their hash, executable; skips what is there', async () => {
      const files = [await file('trit', '#!/bin/sh\necho hello\n'), await file('agent.mjs', 'text')];
      const paths = await put(...files);
      assert.deepEqual(sent, ['trit', 'agent.mjs']);
      assert.deepEqual(
        paths,
        files.map((f) => `${workdir}/bin/${f.sha256.slice(0, 16)}/${f.name}`),
      );
      assert.equal((await c.exec([paths[0] as string])).stdout, 'hello\n');
      assert.deepEqual(await put(...files), paths);
      assert.deepEqual(sent, []);
    });

    it('replaces what is damaged there, and nothing else', async () => {
      const files = [await file('trit', '#!/bin/sh\necho hello\n'), await file('agent.mjs', 'text')];
      const [path = ''] = await put(...files);
      await writeFile(path, 'damaged');
      await put(...files);
      assert.deepEqual(sent, ['trit']);
      assert.equal(await sha256Of(path), files[0]?.sha256);
    });

    it('a file that is not what its hash says: refused, and not left there', async () => {
      const wrong = { ...(await file('trit', 'x')), sha256: 'ab'.repeat(32) };
      await assert.rejects(put(wrong), /does not arrive as it is here/);
      await assert.rejects(stat(`${workdir}/bin/${wrong.sha256.slice(0, 16)}/trit`));
    });

    it('keeps a handful of old ones, and those that run', async () => {
      const bin = join(workdir, 'bin');
      const running = join(bin, '0000000000000000');
      await mkdir(running, { recursive: true });
      await copyFile('/bin/sleep', join(running, 'sleep'));
      await c.exec(['chmod', '755', join(running, 'sleep')]);
      await utimes(running, 1, 1);
      await mkdir(join(bin, 'kept by its name'), { recursive: true });
      const p = await c.spawn([join(running, 'sleep'), '600']);
      for (let i = 0; i < 12; i++) {
        const old = join(bin, i.toString(16).padStart(16, 'a'));
        await mkdir(old, { recursive: true });
        await utimes(old, 1000 + i, 1000 + i);
      }
      const [path = ''] = await put(await file('trit', 'newest'));
      assert.equal(await readFile(path, 'utf8'), 'newest');
      const left = await readdir(bin);
      assert.ok(left.includes('0000000000000000') && left.includes('kept by its name'), left.join());
      assert.ok(left.length <= 11, left.join());
      assert.ok(!left.includes('aaaaaaaaaaaaaaa0'));
      p.kill('SIGTERM');
      await p.exited;
    });

    it('keeps what was asked for within a day, however much that is: a long bisection comes back to its first build', async () => {
      const bin = join(workdir, 'bin');
      const first = await put(await file('trit', 'first of many'));
      for (let i = 0; i < 12; i++) {
        const later = join(bin, i.toString(16).padStart(16, 'b'));
        await mkdir(later, { recursive: true });
        const soon = Date.now() / 1000 + 60 + i;
        await utimes(later, soon, soon);
      }
      await put(await file('trit', 'last of many'));
      assert.equal(await readFile(first[0] as string, 'utf8'), 'first of many');
      const left = await readdir(bin);
      assert.equal(left.filter((name) => name.startsWith('bbbb')).length, 12);
    });

    it('hashes with whatever tool there is; a file that is absent has none', async () => {
      const { local, sha256 } = await file('x', 'some bytes');
      assert.equal(await sha256On(c, local), sha256);
      assert.equal(await sha256On(c, join(folder, 'absent')), null);
      // Only the tool named is on PATH.
      for (const tool of ['sha256sum', 'shasum', 'openssl', 'node', 'busybox']) {
        const found = (await c.exec(['sh', '-c', 'command -v "$1"', 'sh', tool])).stdout.trim();
        if (!found) continue;
        const path = join(folder, `only-${tool}`);
        await mkdir(path, { recursive: true });
        for (const program of [tool, 'perl']) await c.exec(['sh', '-c', 'ln -sf "$(command -v "$1")" "$2/$1"', 'sh', program, path]);
        const only = { ...c, exec: (argv: readonly string[]) => c.exec(['/usr/bin/env', `PATH=${path}`, '/bin/sh', ...argv.slice(1)]) };
        assert.equal(await sha256On(only, local), sha256, tool);
      }
      const none = { ...c, exec: (argv: readonly string[]) => c.exec(['/usr/bin/env', 'PATH=/nowhere', '/bin/sh', ...argv.slice(1)]) };
      await assert.rejects(sha256On(none, local), /no sha256sum, shasum, openssl, busybox or node/);
    });
  });
}

for (const way of WAYS) shared(way);
