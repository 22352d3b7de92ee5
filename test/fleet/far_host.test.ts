import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../../src/fleet/connection.ts';
import { FarHost } from '../../src/fleet/far_host.ts';

/** Connections that tell which one they are; `lose` breaks the newest. */
function links(refused: readonly number[] = []) {
  let made = 0;
  let closed = 0;
  let lose = (): void => {};
  const reach = async (): Promise<Connection> => {
    const number = ++made;
    if (refused.includes(number)) throw new Error(`attempt ${number} is refused`);
    const lost = new Promise<never>((_, reject) => {
      lose = () => reject(new Error('the link is lost'));
    });
    lost.catch(() => {});
    const told = { code: 0, stdout: `link ${number}`, stderr: '' };
    return {
      lost,
      exec: async () => told,
      readFile: async (path: string) => `${path} of link ${number}`,
      close: async () => void closed++,
    } as unknown as Connection;
  };
  return { host: new FarHost(reach), lose: () => lose(), counts: () => ({ made, closed }) };
}

test('a far host is reached once, when it is needed, and again after its link was lost', async () => {
  const { host, lose, counts } = links();
  assert.equal(counts().made, 0);
  assert.equal((await host.exec(['true'])).stdout, 'link 1');
  assert.equal(await host.readFile('/x'), '/x of link 1');
  lose();
  await new Promise(setImmediate);
  assert.equal((await host.exec(['true'])).stdout, 'link 2');
  await host.close();
  assert.deepEqual(counts(), { made: 2, closed: 1 });
  await host.close(); // harmless
});

test('an attempt that failed is made again', async () => {
  const { host, counts } = links([1]);
  await assert.rejects(host.exec(['true']), /attempt 1 is refused/);
  await new Promise(setImmediate);
  assert.equal((await host.exec(['true'])).stdout, 'link 2');
  assert.equal(counts().made, 2);
});
