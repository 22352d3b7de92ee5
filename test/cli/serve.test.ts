import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { openStore } from '../../src/store/store.ts';
import { cli, ROOT, scratch, start } from '../support/cli.ts';
import { fillDemo } from '../support/demo-store.ts';

const folder = scratch();

before(() => {
  if (!existsSync(join(ROOT, 'dist/web/index.html'))) execFileSync(join(ROOT, 'fleet'), ['setup'], { stdio: 'ignore' });
  const store = openStore(join(folder, 'fleet.db'));
  fillDemo(store);
  store.close();
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`serve --port 0 tells its address, answers, and ends on ${signal}`, async () => {
    const { child, said, ended } = start(['serve', '--port', '0', '--json'], { cwd: folder });
    let stdout = '';
    child.stdout?.on('data', (text) => {
      stdout += text;
    });
    await Promise.all([said(/serving fleet\.db/), said(/^\{[\s\S]*\}\n$/)]); // two pipes: neither need come first
    const { url } = JSON.parse(stdout);
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
    const { runs } = (await (await fetch(`${url}api/runs`)).json()) as { runs: unknown[] };
    assert.ok(runs.length > 0);
    assert.match(await (await fetch(url)).text(), /<title>fleet/);
    const live = await fetch(`${url}api/live`); // an open stream does not keep it from ending
    child.kill(signal);
    assert.equal((await ended).code, 0);
    await live.body?.cancel().catch(() => {});
  });
}

test('without a database it makes one, so that a first bench can be watched', async () => {
  const empty = scratch();
  const { child, said, ended } = start(['serve', '--port', '0'], { cwd: empty });
  await said(/serving/);
  child.kill('SIGTERM');
  assert.equal((await ended).code, 0);
  assert.ok(existsSync(join(empty, 'fleet.db')));
});

test('a port that is taken: a sentence with the next step, exit 1', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as { port: number };
  const { code, stderr } = await cli(['serve', '--port', String(port)], { cwd: folder });
  assert.equal(code, 1);
  assert.match(stderr, /port .* is taken .*--port/i);
});
