import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Queue } from '../../src/cli/bench_queue.ts';
import { afterwards } from '../support/afterwards.ts';
import { ask, dashboard, folder } from '../support/dashboard.ts';

const choices = { devices: ['local', 'pi'], toolchains: ['cc', 'clang-19'], models: ['bitnet-2b-4t'], suites: ['smoke'] };
const REQUEST = { device: 'local', toolchain: 'cc', model: null, suite: 'smoke', threads: null };

/** A queue whose benches are a small program: it says its arguments and ends when it is told to, with 130, or at once for the device pi. */
function queueOf(t: TestContext): Queue {
  const program = join(folder(t), 'bench.mjs');
  writeFileSync(
    program,
    `process.stderr.write(process.argv.slice(2).join(' ') + '\\n');
     if (process.argv.includes('--device=pi')) process.exit(1);
     process.on('SIGINT', () => process.exit(130));
     setInterval(() => {}, 1000);`,
  );
  const queue = new Queue([process.execPath, program], async () => choices);
  afterwards(t, () => queue.close());
  return queue;
}

/** Asks until it is so. */
async function until<Value>(look: () => Promise<Value>, good: (value: Value) => boolean): Promise<Value> {
  for (;;) {
    const value = await look();
    if (good(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function post(url: string, path: string, body: unknown, headers: Record<string, string> = {}) {
  const { host, origin } = new URL(url);
  return ask(url, path, { method: 'POST', headers: { host, origin, 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
}

test('benches run one after another, in their order; a waiting one can be taken out, a running one stopped', { timeout: 300_000 }, async (t) => {
  const { url } = await dashboard(t, { benches: queueOf(t) });
  const jobs = async () => (await ask(url, '/api/benches')).json.jobs as { id: string; state: string; message: string | null }[];
  const first = await post(url, '/api/benches', { ...REQUEST, model: 'bitnet-2b-4t:tq1_0:q6_k', threads: 3 });
  assert.deepEqual([first.status, first.json.state], [201, 'running']);
  const second = await post(url, '/api/benches', REQUEST);
  assert.equal(second.json.state, 'waiting');
  const third = await post(url, '/api/benches', { ...REQUEST, device: 'pi' });
  const told = await until(jobs, (all) => all.some(({ message }) => message !== null));
  assert.equal(told.at(-1)?.message, 'bench --device=local --toolchain=cc --suite=smoke --model=bitnet-2b-4t:tq1_0:q6_k --threads=3');
  assert.equal((await post(url, `/api/benches/${second.json.id}/stop`, {})).json.state, 'stopped');
  assert.equal((await post(url, `/api/benches/${first.json.id}/stop`, {})).json.state, 'stopping');
  const ended = await until(jobs, (all) => all.every(({ state }) => !['waiting', 'running', 'stopping'].includes(state)));
  assert.deepEqual(
    ended.map(({ id, state }) => [id, state]),
    [
      [third.json.id, 'failed'],
      [second.json.id, 'stopped'],
      [first.json.id, 'stopped'],
    ],
  );
});

test('what the page may not ask for is refused with a sentence, and nothing is started', async (t) => {
  const { url } = await dashboard(t, { benches: queueOf(t) });
  const wrong: [unknown, RegExp][] = [
    [{ ...REQUEST, device: 'nobody' }, /no device "nobody" here; there are local, pi/],
    [{ ...REQUEST, device: 'pi@evil.example' }, /"device" is wrong/],
    [{ ...REQUEST, device: '--db=/etc/passwd' }, /"device" is wrong/],
    [{ ...REQUEST, toolchain: '/tmp/evil' }, /"toolchain" is wrong/],
    [{ ...REQUEST, toolchain: 'clang-20' }, /no toolchain "clang-20"/],
    [{ ...REQUEST, model: '../../etc/passwd.gguf' }, /"model" is wrong/],
    [{ ...REQUEST, model: 'unknown' }, /no model "unknown"/],
    [{ ...REQUEST, suite: './mine.json' }, /"suite" is wrong/],
    [{ ...REQUEST, threads: 0 }, /"threads" is wrong/],
    [{ ...REQUEST, threads: '1; rm' }, /"threads" is wrong/],
    [{ ...REQUEST, flags: '-fplugin=evil.so' }, /no parameter "flags"/],
    [[], /request is wrong/],
    [null, /wrong|read/],
  ];
  for (const [body, sentence] of wrong) {
    const { status, json, text } = await post(url, '/api/benches', body);
    assert.equal(status, 400, text);
    assert.match(json.error, sentence);
  }
  const { host, origin } = new URL(url);
  const raw = (body: string, type: string) => ask(url, '/api/benches', { method: 'POST', headers: { host, origin, 'content-type': type }, body });
  assert.equal((await raw('{"device', 'application/json')).status, 400);
  assert.match((await raw(JSON.stringify(REQUEST), 'text/plain')).json.error, /as JSON/);
  assert.equal((await raw(JSON.stringify({ ...REQUEST, device: 'x'.repeat(5000) }), 'application/json')).status, 413);
  assert.equal((await post(url, '/api/benches/nobody/stop', {})).status, 400);
  assert.deepEqual((await ask(url, '/api/benches')).json.jobs, []);
  const shows = await dashboard(t);
  assert.match((await post(shows.url, '/api/benches', REQUEST)).json.error, /only shows/);
});

test('another page cannot ask: its origin, none at all, or a cross-site request is refused', async (t) => {
  const { url } = await dashboard(t, { benches: queueOf(t) });
  for (const headers of [
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: 'http://localhost:1' },
    { 'sec-fetch-site': 'cross-site' },
  ] as Record<string, string>[]) {
    const { status, json } = await post(url, '/api/benches', REQUEST, headers);
    assert.equal(status, 403, JSON.stringify(headers));
    assert.match(json.error, /another page/);
  }
  const { host } = new URL(url);
  assert.equal(
    (await ask(url, '/api/benches', { method: 'POST', headers: { host, 'content-type': 'application/json' }, body: JSON.stringify(REQUEST) })).status,
    403,
  );
  assert.equal((await ask(url, '/api/runs', { headers: { host, origin: 'http://evil.example' } })).status, 403, 'nor read');
  assert.equal((await ask(url, '/api/runs', { headers: { host, 'sec-fetch-site': 'cross-site' } })).status, 403);
  assert.deepEqual((await ask(url, '/api/benches')).json.jobs, []);
});

test('away from loopback everything needs the token: by the address once, then by cookie, or by Authorization', async (t) => {
  const { url } = await dashboard(t, { benches: queueOf(t), host: '0.0.0.0' });
  const token = new URL(url).searchParams.get('token') ?? '';
  assert.match(token, /^[\w-]{32}$/);
  for (const path of ['/', '/api/runs', '/api/live', '/api/benches', '/page.js', `/api/runs?token=${token}`, '/?token=wrong']) {
    const { status, json, headers } = await ask(url, path);
    assert.equal(status, 401, path);
    assert.match(json.error, /token/);
    assert.equal(headers['set-cookie'], undefined);
  }
  const entered = await ask(url, `/?page=pareto&token=${token}`);
  assert.deepEqual([entered.status, entered.headers.location], [303, './?page=pareto']);
  const cookie = String(entered.headers['set-cookie']);
  assert.match(cookie, /HttpOnly/);
  assert.match(cookie, /SameSite=Strict/);
  const kept = { cookie: cookie.split(';')[0] as string };
  assert.equal((await ask(url, '/api/runs', { headers: kept })).status, 200);
  assert.match((await ask(url, '/', { headers: kept })).text, /page/);
  const authorization = `Bearer ${token}`;
  assert.equal((await ask(url, '/api/runs', { headers: { authorization } })).status, 200);
  assert.equal((await ask(url, '/api/runs', { headers: { authorization: `${authorization}x` } })).status, 401);
  assert.equal((await post(url, '/api/benches', REQUEST)).status, 401);
  assert.equal((await post(url, '/api/benches', REQUEST, { authorization })).status, 201);
});
