import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeHost } from '../../agents/hosts/node.ts';
import { Busy, Lock } from '../../agents/lock.ts';
import { temporaryFolder } from '../support/folder.ts';
import { until } from '../support/job.ts';

const isBusy = (error: unknown) => error instanceof Busy;

test('one holds the lock, the next is told who; given back it can be taken again', async () => {
  const workdir = temporaryFolder('lock');
  const lock = await Lock.take(nodeHost, workdir, 'first');
  await assert.rejects(Lock.take(nodeHost, workdir, 'second'), /busy with run first \(process \d+\)/);
  await lock.free();
  const again = await Lock.take(nodeHost, workdir, 'second');
  await again.free();
  assert.equal(readdirSync(join(workdir, 'lock')).length, 1, 'old states are cleared away');
});

test('of several at once exactly one gets it, 20 times, also when the last keeper was killed', async () => {
  const workdir = temporaryFolder('lock');
  for (let round = 0; round < 20; round++) {
    const tries = await Promise.allSettled(Array.from({ length: 4 }, (_, i) => Lock.take(nodeHost, workdir, `r${round}-${i}`)));
    const won = tries.flatMap((t) => (t.status === 'fulfilled' ? [t.value] : []));
    assert.equal(won.length, 1, `round ${round}`);
    assert.ok(tries.every((t) => t.status === 'fulfilled' || isBusy(t.reason)));
    if (round % 2 === 0) {
      await won[0]?.free();
    } else {
      const [state] = readdirSync(join(workdir, 'lock')).sort((a, b) => Number(b) - Number(a));
      const [keeper] = readlinkSync(join(workdir, 'lock', state as string)).split(':');
      process.kill(Number(keeper), 'SIGKILL');
      await won[0]?.free();
    }
  }
});

test('a lock of another boot, of a dead process or of a process that has its number now is taken over', async () => {
  const boot = spawnSync('cat', ['/proc/sys/kernel/random/boot_id'], { encoding: 'utf8' }).stdout.trim();
  const dead = spawnSync('true').pid;
  for (const holder of [`${process.pid}:1:another-boot:old`, `${dead}:1:${boot}:old`, `${process.pid}:1:${boot}:old`]) {
    const workdir = temporaryFolder('lock');
    mkdirSync(join(workdir, 'lock'));
    symlinkSync(holder, join(workdir, 'lock', '1'));
    const lock = await Lock.take(nodeHost, workdir, 'new');
    await lock.free();
  }
});

test('the keeper ends when its holder is gone without a word', async () => {
  const workdir = temporaryFolder('lock');
  const keeper = `import { nodeHost } from ${JSON.stringify(new URL('../../agents/hosts/node.ts', import.meta.url).href)};
    import { Lock } from ${JSON.stringify(new URL('../../agents/lock.ts', import.meta.url).href)};
    await Lock.take(nodeHost, ${JSON.stringify(workdir)}, 'killed');
    process.kill(process.pid, 'SIGKILL');`;
  const { signal } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', keeper]);
  assert.equal(signal, 'SIGKILL');
  await until('the lock is free', () =>
    Lock.take(nodeHost, workdir, 'next').then(
      (lock) => lock.free().then(() => true),
      (error) => !isBusy(error) && Promise.reject(error),
    ),
  );
});

test('a folder that cannot be made is a sentence', async () => {
  await assert.rejects(Lock.take(nodeHost, '/proc/nowhere', 'x'), /lock \/proc\/nowhere\/lock could not be taken/);
});
