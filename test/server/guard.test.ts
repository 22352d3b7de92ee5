import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask, dashboard, folder } from '../support/dashboard.ts';
import { newRun } from '../support/runs.ts';

test('wrong parameters are told in one sentence of JSON, and nothing of the inside shows', async (t) => {
  const { url, store } = await dashboard(t);
  store.createRun(newRun({ id: 'a' }));
  const wrong: Record<string, RegExp> = {
    '/api/runs?limit=0': /"limit" is wrong: write a whole number from 1 to 5000/,
    '/api/runs?limit=5001': /"limit"/,
    '/api/runs?limit=501': /"limit" is wrong: with what each prompt gave at most 500; prompts=false takes up to 5000/,
    '/api/runs?limit=99999999999': /"limit"/,
    '/api/runs?limit=-1': /"limit"/,
    '/api/runs?limit=1e3': /"limit"/,
    '/api/runs?limit=1&limit=2': /"limit"/,
    '/api/runs?valid=maybe': /"valid" is wrong: write true or false/,
    '/api/runs?since=yesterday': /"since"/,
    '/api/runs?status=great': /a status is one of/,
    '/api/runs?device=': /"device"/,
    '/api/runs?device=a%00b': /"device"/,
    [`/api/runs?device=${'x'.repeat(129)}`]: /"device"/,
    [`/api/runs?device=${'x,'.repeat(101)}x`]: /at most 100/,
    '/api/runs?id=..%2F..%2Fetc': /"id"/,
    '/api/runs?sql=1': /There is no parameter "sql" here/,
    '/api/runs?__proto__=1': /There is no parameter/,
    '/api/runs?device[x]=1': /There is no parameter/,
    '/api/runs/%00': /id of the run is wrong/,
    '/api/runs/..%2f..%2fetc%2fpasswd': /id of the run is wrong/,
    [`/api/runs/${'a'.repeat(65)}`]: /id of the run is wrong/,
    '/api/runs/a?verbose=1': /There is no parameter/,
    '/api/runs/%E0%A4%A': /cannot be read/,
    '/api/devices?x=1': /There is no parameter/,
    '/api/published?x=1': /There is no parameter/,
    '/api/settings?metrics=sql': /name metrics such as decode_rate/,
    '/api/settings?threads=0': /"threads"/,
    '/api/compare?limit=201': /from 1 to 200/,
    '/api/suites?x=1': /There is no parameter/,
    '/api/benches?x=1': /There is no parameter/,
    '/api/live?x=1': /There is no parameter/,
  };
  for (const [path, sentence] of Object.entries(wrong)) {
    const { status, json, text } = await ask(url, path);
    assert.equal(status, 400, `${path}: ${text}`);
    assert.match(json.error, sentence, path);
    assert.doesNotMatch(text, /node_modules|\.ts:|at \w+ \(/, path);
    assert.ok(text.length < 400, path);
  }
  const injection = await ask(url, `/api/runs?device=${encodeURIComponent("local' OR '1'='1")}`);
  assert.deepEqual([injection.status, injection.json], [200, { runs: [] }]);
});

test('unknown addresses: JSON below /api, a sentence elsewhere, and nothing outside of the page is given out', async (t) => {
  const root = folder(t);
  writeFileSync(join(root, 'secret'), 'secret');
  const webRoot = join(root, 'web');
  mkdirSync(webRoot);
  writeFileSync(join(webRoot, 'index.html'), '<title>page</title>');
  writeFileSync(join(webRoot, '.hidden'), 'secret');
  const { url } = await dashboard(t, { webRoot });
  assert.match((await ask(url, '/')).text, /page/);
  for (const path of ['/api', '/api/', '/api/nothing', '/api/runs/a/b']) {
    const { status, json } = await ask(url, path);
    assert.equal(status, 404, path);
    assert.match(json.error, /no such address in the API|no run/, path);
  }
  for (const path of ['/secret', '/../secret', '/..%2fsecret', '/%2e%2e/secret', '//secret', '/.hidden', '/..\\secret', '/index.html/x']) {
    const { status, text } = await ask(url, path);
    assert.ok(status === 404 || status === 400 || status === 403, `${path}: ${status}`);
    assert.doesNotMatch(text, /^secret/, path);
  }
});

test('only GET and HEAD are answered', async (t) => {
  const { url } = await dashboard(t);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])
    for (const path of ['/', '/api/runs', '/api/live']) {
      const { status, headers, json } = await ask(url, path, { method });
      assert.deepEqual([status, headers.allow], [405, 'GET, HEAD'], `${method} ${path}`);
      assert.match(json.error, /only reads/);
    }
  const head = await ask(url, '/api/runs', { method: 'HEAD' });
  assert.deepEqual([head.status, head.text], [200, '']);
  assert.equal((await ask(url, '/api/live', { method: 'HEAD' })).status, 200);
});

test('every answer carries the headers that bind the browser', async (t) => {
  const { url } = await dashboard(t);
  for (const path of ['/', '/api/runs', '/api/runs?limit=x', '/api/nothing', '/nothing']) {
    const { headers } = await ask(url, path);
    const policy = String(headers['content-security-policy']);
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'self'(;|$)/);
    assert.match(policy, /style-src 'self'(;|$)/);
    assert.doesNotMatch(policy, /unsafe|\*|data:/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['x-powered-by'], undefined);
    assert.equal(headers['access-control-allow-origin'], undefined);
  }
});

test('a name that only points here is refused; names of this machine are answered, on any port', async (t) => {
  const { url } = await dashboard(t);
  const statusFor = async (host: string) => (await ask(url, '/api/runs', { headers: { host } })).status;
  for (const host of ['localhost', 'localhost:8765', 'LOCALHOST:1', '127.0.0.1', '127.0.0.1:1234', '[::1]', '[::1]:80'])
    assert.equal(await statusFor(host), 200, host);
  for (const host of [
    'evil.example',
    'evil.example:8765',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'evil.example@127.0.0.1',
    '192.168.1.2',
    '0.0.0.0',
  ])
    assert.equal(await statusFor(host), 403, host);
  assert.match((await ask(url, '/', { headers: { host: 'evil.example' } })).text, /names of this machine/);
});

test('with an address given on purpose any name is answered who has the token; a loopback address stays strict', async (t) => {
  const open = await dashboard(t, { host: '0.0.0.0', token: 'given' });
  assert.match(open.url, /^http:\/\/127\.0\.0\.1:\d+\/\?token=given$/);
  assert.equal((await ask(open.url, '/api/runs', { headers: { host: 'bench.lan' } })).status, 401);
  assert.equal((await ask(open.url, '/api/runs', { headers: { host: 'bench.lan', authorization: 'Bearer given' } })).status, 200);
  const strict = await dashboard(t, { host: '127.0.0.1' });
  assert.equal((await ask(strict.url, '/api/runs', { headers: { host: 'bench.lan' } })).status, 403);
});
