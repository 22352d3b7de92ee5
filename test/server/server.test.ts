import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { FleetError } from '../../src/core/errors.ts';
import type { StoreReader } from '../../src/core/store.ts';
import { startServer } from '../../src/server/server.ts';
import { ask, dashboard, folder, PUBLISHED } from '../support/dashboard.ts';
import { end, newRun, phase, sample } from '../support/runs.ts';

const WRITER = new URL('../support/store-writer.ts', import.meta.url).pathname;

/** Follows /api/live; `next` gives the runs of the next event. */
async function follow(url: string) {
  const leave = new AbortController();
  const response = await fetch(new URL('api/live', url), { signal: leave.signal });
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  const next = async (): Promise<{ id: string; status: string; decodeRate: number | null; phase: { done: number } | null }[] | null> => {
    for (;;) {
      const stop = text.indexOf('\n\n');
      if (stop >= 0) {
        const event = text.slice(0, stop);
        text = text.slice(stop + 2);
        const found = /^event: runs\ndata: (.*)$/.exec(event);
        if (found) return JSON.parse(found[1] as string).runs;
        continue;
      }
      const { done, value } = await reader.read();
      if (done) return null;
      text += decoder.decode(value, { stream: true });
    }
  };
  return { next, leave: () => leave.abort() };
}

test('live: what is under way first, then every change another connection makes', { timeout: 300_000 }, async (t) => {
  const { url, store } = await dashboard(t);
  store.createRun(newRun({ id: 'old' }));
  store.append('old', end(1));
  store.createRun(newRun({ id: 'a' }));
  const { next, leave } = await follow(url);
  assert.deepEqual(
    (await next())?.map(({ id, status }) => [id, status]),
    [['a', 'queued']],
  );
  store.appendMany('a', [phase(1, 'measure', 2, 5), sample(2, 'decode_rate', 17.25)]);
  const [moved] = (await next()) ?? [];
  assert.deepEqual([moved?.status, moved?.phase?.done, moved?.decodeRate], ['running', 2, 17.25]);
  store.append('a', end(3));
  assert.deepEqual(
    (await next())?.map(({ status }) => status),
    ['ok'],
  );
  leave();
});

test('live: progress of another process', { timeout: 300_000 }, async (t) => {
  const { url, path } = await dashboard(t);
  const { next, leave } = await follow(url);
  assert.deepEqual(await next(), []);
  const writer = spawn(process.execPath, ['--import', 'tsx', WRITER, path, 'theirs', '30'], { stdio: 'ignore' });
  t.after(() => writer.kill());
  let last: Awaited<ReturnType<typeof next>> = null;
  do {
    last = await next();
    assert.ok(last, 'the stream ended'); // or this would go round for ever
  } while (last[0]?.decodeRate !== 29);
  assert.equal(last[0].id, 'theirs');
  leave();
});

test('live: followers that come and go leave nothing behind, and more than fifty are refused', { timeout: 300_000 }, async (t) => {
  const { url } = await dashboard(t);
  const followers = await Promise.all(Array.from({ length: 50 }, () => follow(url)));
  const refused = await ask(url, '/api/live');
  assert.equal(refused.status, 503);
  assert.match(refused.json.error, /50 pages/);
  for (const { leave } of followers) leave();
  for (let status = 503; status === 503; ) {
    const again = await fetch(new URL('api/live', url));
    status = again.status;
    await again.body?.cancel();
  }
});

test('closing ends live streams and frees the port', { timeout: 300_000 }, async (t) => {
  const { url, close } = await dashboard(t);
  const { next } = await follow(url);
  await next();
  await close();
  assert.equal(await next(), null);
  await assert.rejects(fetch(url));
  await close();
});

test('a port in use, a strange address and a page that is not built are told with the next step', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  const { port } = other.address() as { port: number };
  const { store } = await dashboard(t);
  const options = { store, inventory: async () => ({ devices: [], profiles: {} }), published: PUBLISHED };
  const webRoot = folder(t);
  await assert.rejects(startServer({ ...options, webRoot, port: 0 }), (error) => error instanceof FleetError && /npm run build/.test(error.message));
  writeFileSync(`${webRoot}/index.html`, '');
  const told = async (more: { host?: string; port: number }, sentence: RegExp) =>
    assert.rejects(startServer({ ...options, webRoot, ...more }), (error) => error instanceof FleetError && sentence.test(error.message));
  await told({ port }, new RegExp(`Port ${port} of 127\\.0\\.0\\.1 is taken .* --port N`));
  await told({ host: '192.0.2.1', port: 0 }, /192\.0\.2\.1 is no address of this machine/);
});

test('a database that fails becomes a sentence, the inside stays inside, and the server goes on', async (t) => {
  let fault: Error | null = null;
  const { store } = await dashboard(t);
  const failing = {
    ...store,
    runs() {
      if (fault) throw fault;
      return [];
    },
    unfinishedNow() {
      throw new FleetError('The database x.db is damaged.');
    },
  } as unknown as StoreReader;
  const { url } = await dashboard(t, { store: failing });
  fault = new FleetError('The database x.db is busy: try again in a moment.');
  const busy = await ask(url, '/api/runs');
  assert.deepEqual([busy.status, busy.json], [500, { error: fault.message }]);
  fault = new TypeError('/home/somebody/inner.ts: undefined is not a function');
  const broken = await ask(url, '/api/runs');
  assert.equal(broken.status, 500);
  assert.match(broken.json.error, /could not answer/);
  assert.doesNotMatch(broken.text, /somebody|undefined/);
  const live = await ask(url, '/api/live');
  assert.deepEqual([live.status, live.json], [500, { error: 'The database x.db is damaged.' }]);
  fault = null;
  assert.equal((await ask(url, '/api/runs')).status, 200);
});
