import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { CatalogueRow } from '../../src/core/catalogue.ts';
import { FleetError, UsageError } from '../../src/core/errors.ts';
import { catalogue, findRow, keepRow } from '../../src/fleet/catalogue.ts';
import { type DownloadOptions, download } from '../../src/fleet/download.ts';
import { describeFile, hubOf } from '../../src/fleet/hub.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type Fault, type Hub, startHub } from '../support/hub.ts';
import { until } from '../support/job.ts';

const BYTES = randomBytes(300_000);
const quick: DownloadOptions = { pause: 0.01, patience: 2 };
/** Paths of the requests for a file. */
const asked = (hub: Hub) => hub.seen.filter(({ path }) => !path.startsWith('/api/'));

const rowOf = (hub: Hub, more: Partial<CatalogueRow> = {}): CatalogueRow => ({
  ...{ name: 'some', title: 'some model', repo: hub.repo, file: hub.file, bytes: null, sha256: null, twin: null, licence: null },
  ...more,
});

/** Pulls the hub's file into a new folder. */
async function pull(t: TestContext, hub: Hub, options: DownloadOptions = {}, token: string | null = null, folder = temporaryFolder('pull', t)) {
  const path = join(folder, 'some.gguf');
  const said: string[] = [];
  const steps: number[] = [];
  const file = await describeFile(rowOf(hub), { endpoint: hub.endpoint, token });
  const onTrouble = (sentence: string) => void said.push(sentence);
  hub.got = 0;
  const onProgress = (n: number) => {
    steps.push(n);
    hub.got = n;
  };
  const done = download(file, { endpoint: hub.endpoint, token }, path, {
    ...{ ...quick, onTrouble, onProgress, ...options },
    // Short only where the server is to fall silent: on a busy machine an answer may take long.
    get silence() {
      return options.silence ?? (hub.faults.includes('silent') ? 0.5 : 60);
    },
  });
  return { path, folder, said, steps, done };
}

test('a file comes whole, under its name only then, and nothing else is left', async (t) => {
  const hub = await startHub(t, BYTES);
  const { path, folder, steps, done } = await pull(t, hub);
  await done;
  assert.deepEqual(readFileSync(path), BYTES);
  assert.deepEqual(readdirSync(folder), ['some.gguf']);
  assert.equal(steps.at(-1), BYTES.length);
});

for (const [name, faults, ranges] of [
  ['connections that are cut are gone on with', ['cut', 'cut', 'none'], 3],
  ['a length that is said too short', ['short', 'none'], 2],
  ['a server that is busy', ['busy', 'busy', 'none'], 3],
  ['a server that falls silent', ['silent', 'none'], 2],
  ['a server without ranges begins anew', ['cut', 'no-range'], 2],
  ['another range than was asked for', ['cut', 'wrong-range', 'none'], 3],
  ['a redirection', ['redirect'], 2],
] as [string, Fault[], number][]) {
  test(`${name}: the file comes whole`, async (t) => {
    const hub = await startHub(t, BYTES);
    hub.faults = faults;
    const { path, said, done } = await pull(t, hub);
    await done;
    assert.deepEqual(readFileSync(path), BYTES);
    assert.equal(asked(hub).length, ranges);
    for (const sentence of said) assert.match(sentence, /^http.*; going on at /);
  });
}

test('what a cut off call left is gone on with by the next one', async (t) => {
  const hub = await startHub(t, BYTES);
  hub.faults = ['cut', 'busy', 'busy', 'busy', 'busy'];
  const first = await pull(t, hub, { patience: 1 });
  await assert.rejects(first.done, (e) => e instanceof FleetError && /status 503; 2 tries brought nothing more\. 100 kB are kept/.test(e.message));
  assert.ok(!existsSync(first.path));
  hub.faults = [];
  const second = await pull(t, hub, {}, null, first.folder);
  await second.done;
  assert.equal(hub.seen.at(-1)?.range, 'bytes=100000-');
  assert.deepEqual(readFileSync(second.path), BYTES);
});

test('a server that begins anew each time and never gets to the end is given up, however far it gets', async (t) => {
  const hub = await startHub(t, BYTES);
  hub.faults = Array<Fault>(20).fill('cut-anew');
  const { done } = await pull(t, hub);
  await assert.rejects(done, (e) => e instanceof FleetError && /3 tries brought nothing more/.test(e.message));
  assert.ok(hub.faults.length > 10);
});

test('a hub that tells more bytes than the file has: the server is believed, and the file refused', async (t) => {
  const hub = await startHub(t, BYTES);
  hub.told = { size: BYTES.length + 1000, oid: hub.sha256 };
  const { path, done } = await pull(t, hub);
  await assert.rejects(
    done,
    (e) => e instanceof FleetError && /has 300000 bytes on the server and should have 301000: it is another file/.test(e.message),
  );
  assert.ok(!existsSync(path));
});

for (const [name, faults, sentence] of [
  ['longer than it should be', ['long'], /longer than the 300000 bytes/],
  ['longer, and nothing said of it', ['endless'], /longer than the 300000 bytes/],
  ['one wrong byte', ['flipped'], /came whole, but its SHA-256 is [0-9a-f]{64} and not/],
  ['a circle of redirections', ['loop'], /redirect/],
] as [string, Fault[], RegExp][]) {
  test(`${name}: refused, and nothing of it is kept as the model`, async (t) => {
    const hub = await startHub(t, BYTES);
    hub.faults = faults;
    const { folder, done } = await pull(t, hub, { patience: 0 });
    await assert.rejects(done, (e) => e instanceof FleetError && sentence.test(e.message));
    assert.deepEqual(readdirSync(folder), []);
  });
}

test('the token goes to the hub and to no other host', async (t) => {
  const hub = await startHub(t, BYTES);
  hub.token = 'secret-of-mine';
  await assert.rejects(pull(t, hub), /wants a token \(status 401\).*HF_TOKEN/);
  await assert.rejects(pull(t, hub, {}, 'another'), /refuses the token of HF_TOKEN/);
  hub.faults = ['elsewhere'];
  const { done } = await pull(t, hub, {}, 'secret-of-mine');
  await done;
  const [last, before] = [hub.seen.at(-1), hub.seen.at(-2)];
  assert.equal(before?.authorization, 'Bearer secret-of-mine');
  assert.match(last?.host ?? '', /^localhost/);
  assert.equal(last?.authorization, null);
});

test('stopped by a person: what came is kept', async (t) => {
  const hub = await startHub(t, BYTES);
  hub.faults = ['cut', 'silent'];
  const stop = new AbortController();
  const { folder, done } = await pull(t, hub, { signal: stop.signal, silence: 30, onTrouble: () => setTimeout(() => stop.abort(), 100) });
  await assert.rejects(done, /stopped; 100 kB are kept/);
  assert.equal(readdirSync(folder).filter((name) => name.endsWith('.part')).length, 1);
  assert.equal(readdirSync(folder).filter((name) => name.includes('.lock')).length, 0);
});

test('two at once: one is told to wait; what a dead process claims is taken over', async (t) => {
  const hub = await startHub(t, BYTES);
  hub.faults = ['silent'];
  const { path, folder, done } = await pull(t, hub, { silence: 60 });
  const at = { endpoint: hub.endpoint, token: null };
  const file = await describeFile(rowOf(hub), at);
  await until('the first is at it', () => asked(hub).length === 1);
  await assert.rejects(download(file, at, path, quick), /is being fetched already/);
  hub.drop();
  await done;
  assert.deepEqual(readFileSync(path), BYTES);
  const claim = (pid: number) => `${path}.${hub.sha256.slice(0, 12)}.part.lock-${pid}-0`;
  writeFileSync(claim(process.ppid), '');
  await assert.rejects(download(file, at, path, quick), new RegExp(`process ${process.ppid} is fetching `));
  renameSync(claim(process.ppid), claim(999_999_999));
  await download(file, at, path, quick);
  assert.deepEqual(readdirSync(folder), ['some.gguf']);
});

test('of several that come at once never two write, and each gets the file or is told to wait', async (t) => {
  const hub = await startHub(t, BYTES);
  const at = { endpoint: hub.endpoint, token: null };
  const file = await describeFile(rowOf(hub), at);
  const folder = temporaryFolder('pull', t);
  const path = join(folder, 'some.gguf');
  const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => download(file, at, path, quick)));
  const brought = outcomes.filter(({ status }) => status === 'fulfilled').length;
  for (const outcome of outcomes) if (outcome.status === 'rejected') assert.match(String(outcome.reason), /is being fetched already/);
  assert.equal(asked(hub).length, brought, 'who was told to wait asked for nothing');
  assert.ok(
    asked(hub).every(({ range }) => range === null),
    'none went on with what another was writing',
  );
  if (brought > 0) assert.deepEqual(readFileSync(path), BYTES);
  assert.deepEqual(readdirSync(folder), brought > 0 ? ['some.gguf'] : []);
});

test('a hub that tells nothing, or something else than is known, is refused', async (t) => {
  const hub = await startHub(t, BYTES);
  const at = { endpoint: hub.endpoint, token: null };
  await assert.rejects(describeFile(rowOf(hub, { sha256: 'a'.repeat(64) }), at), /the file was changed/);
  hub.told = null;
  await assert.rejects(describeFile(rowOf(hub), at), /there is no somebody\/some-model\/weights\/model\.gguf on/);
  hub.told = { size: 5, oid: 'not a hash' };
  await assert.rejects(describeFile(rowOf(hub), at), /tells no size and SHA-256/);
  await assert.rejects(describeFile(rowOf(hub), { endpoint: 'http://127.0.0.1:9', token: null }), /the hub tells nothing of/);
  const known = await describeFile(rowOf(hub, { bytes: 5, sha256: 'b'.repeat(64) }), { endpoint: 'http://127.0.0.1:9', token: null });
  assert.equal(known.sha256, 'b'.repeat(64), 'what the row knows needs no question');
});

test('the address of a hub: option before environment before the default, and no password in it', () => {
  assert.deepEqual(hubOf(undefined, {}), { endpoint: 'https://huggingface.co', token: null });
  assert.deepEqual(hubOf(undefined, { HF_ENDPOINT: 'http://a.example/', HF_TOKEN: ' x ' }), { endpoint: 'http://a.example', token: 'x' });
  assert.equal(hubOf('https://b.example/hub/', { HF_ENDPOINT: 'http://a.example' }).endpoint, 'https://b.example/hub');
  for (const bad of ['ftp://a.example', 'a.example', 'https://me:secret@a.example']) assert.throws(() => hubOf(bad, {}), UsageError);
  for (const bad of ['secret one', 'secret\none', 'sécret'])
    assert.throws(
      () => hubOf(undefined, { HF_TOKEN: bad }),
      (e) => e instanceof UsageError && /^HF_TOKEN holds/.test(e.message) && !e.message.includes('cret'),
    );
});

test('the catalogue: every row has a twin, own rows stand before, what is wrong is said', (t) => {
  const folder = temporaryFolder('catalogue', t);
  const rows = catalogue(folder);
  for (const name of ['bitnet-2b-4t', 'falcon-e-1b', 'falcon-e-3b', 'falcon3-1b', 'falcon3-10b', 'llama3-8b', 'bitnet-large', 'tinyllama-f16'])
    assert.ok(rows.find((row) => row.name === name)?.twin, name);
  const own: CatalogueRow = { ...(rows[0] as CatalogueRow), title: 'mine' };
  keepRow(own, folder);
  assert.equal(findRow('hub:bitnet-2b-4t', folder).title, 'mine');
  assert.equal(catalogue(folder).length, rows.length);
  assert.throws(() => findRow('bitnet-2b', folder), /there is no published model "bitnet-2b"; did you mean "bitnet-2b-4t"\?/);
  writeFileSync(join(folder, 'models.json'), '[{"name": "A B"}]');
  assert.throws(
    () => catalogue(folder),
    (e) => e instanceof UsageError && /models\.json: 0\./.test(e.message),
  );
  writeFileSync(join(folder, 'models.json'), '{');
  assert.throws(() => catalogue(folder), /models\.json cannot be read/);
});
