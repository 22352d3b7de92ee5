import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { connect } from '../../src/fleet/connect.ts';
import { fetchOn } from '../../src/fleet/device_fetch.ts';
import { cli, scratch } from '../support/cli.ts';
import { startHub } from '../support/hub.ts';
import { type Sshd, sshdMissing, startSshd } from '../support/sshd.ts';
import { run, trit } from '../support/trit.ts';

let tiny = Buffer.alloc(0);
before(async () => {
  const file = join(scratch(), 'tiny.gguf');
  assert.equal(run(await trit(), ['synth', '--preset', 'tiny', '-o', file]).status, 0);
  tiny = readFileSync(file);
});

/** A folder of models, a hub with the tiny twin, and the command line with both. */
async function setting(t: TestContext) {
  const hub = await startHub(t, tiny);
  const models = scratch();
  const env = { FLEET_MODELS: models, HF_ENDPOINT: hub.endpoint, HF_TOKEN: '' };
  const fleet = (...args: string[]) => cli([...args, '--json'], { env, cwd: models });
  return { hub, models, env, fleet };
}

test('a file of a hub: named, pulled over faults, verified; damage is found', async (t) => {
  const { hub, models, fleet } = await setting(t);
  const added = await fleet('model', 'add', 'mine', `${hub.repo}/${hub.file}`, '--hub', '--twin', 'tiny');
  assert.equal(added.code, 0, added.stderr);
  assert.match(added.stderr, /architecture bitnet-b1\.58, weights f16 f32 i2_s/);
  assert.equal(JSON.parse(added.stdout).added.sha256, hub.sha256);
  const early = await fleet('bench', '-m', 'hub:mine');
  assert.equal(early.code, 2);
  assert.match(early.stderr, /fleet model pull mine, or let devices fetch it: --model-from device, or measure its twin: -m tiny/);
  hub.faults = ['cut', 'short'];
  const pulled = await fleet('model', 'pull', 'mine');
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.match(pulled.stderr, /going on at/);
  assert.deepEqual(readFileSync(join(models, 'mine.gguf')), hub.bytes);
  const again = await fleet('model', 'pull', 'hub:mine');
  assert.equal(JSON.parse(again.stdout).pulled[0].fetched, false);
  const { models: twins, published } = JSON.parse((await fleet('model', 'ls')).stdout);
  assert.ok(twins.length > 5 && published.find((row: { name: string; here: boolean }) => row.name === 'mine')?.here);
  assert.equal((await fleet('model', 'verify')).code, 0);
  const bytes = Buffer.from(hub.bytes);
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
  writeFileSync(join(models, 'mine.gguf'), bytes);
  const damaged = await fleet('model', 'verify', 'mine');
  assert.equal(damaged.code, 1);
  assert.match(JSON.parse(damaged.stdout).verified[0].why, /its SHA-256 should be/);
});

test('a file of this machine: named, converted, and refused where it is no model', async (t) => {
  const { models, fleet } = await setting(t);
  writeFileSync(join(models, 'own file.gguf'), tiny);
  assert.equal((await fleet('model', 'add', 'own', join(models, 'own file.gguf'))).code, 0);
  const converted = await fleet('model', 'convert', 'own', '-o', join(models, 'small.gguf'), '--type', 'tq1_0');
  assert.equal(converted.code, 0, converted.stderr);
  assert.ok(existsSync(join(models, 'small.gguf')));
  assert.equal((await fleet('model', 'convert', 'own', '-o', join(models, 'x.gguf'), '--type', 'q99')).code, 2);
  writeFileSync(join(models, 'text.gguf'), 'no model');
  for (const [args, code, sentence] of [
    [['model', 'add', 'text', './text.gguf'], 1, /text\.gguf/],
    [['model', 'add', 'UP', './own file.gguf'], 2, /lower-case/],
    [['model', 'add', 'x', './absent.gguf'], 2, /absent\.gguf cannot be read/],
    [['model', 'pull', 'bitnet-2b'], 2, /did you mean "bitnet-2b-4t"/],
    [['model', 'add', 'x', 'one/file.gguf', '--hub'], 2, /owner\/repository\/file\.gguf/],
  ] as [string[], number, RegExp][]) {
    const told = await fleet(...args);
    assert.equal(told.code, code, `${args.join(' ')}: ${told.stderr}`);
    assert.match(told.stderr, sentence);
  }
});

test('stories and predictions of profiles need no device', async (t) => {
  const { fleet } = await setting(t);
  const { stories } = JSON.parse((await fleet('stories')).stdout) as {
    stories: { id: string; ours: unknown; predicted: number | null; command: string }[];
  };
  assert.ok(stories.length > 8 && stories.every(({ ours, command }) => ours === null && command.length > 0));
  assert.ok((stories.find(({ id }) => id === 'pi3')?.predicted ?? 0) > 0.02);
  const told = await fleet('predict', 'rpi3,rpi5', '-m', 'bitnet-2b-4t');
  const { predictions } = JSON.parse(told.stdout) as { predictions: { name: string; decode_rate: number; basis: string }[] };
  const [pi3, pi5] = predictions;
  assert.ok(pi3 && pi5 && pi3.decode_rate < pi5.decode_rate && pi3.basis === 'profile');
  assert.equal((await fleet('predict', 'nowhere')).code, 2);
  assert.equal((await fleet('predict', 'moto-g56')).code, 1);
});

/** The same for a device that is this machine and one behind SSH. */
const noFetcher = ['curl', 'wget'].some((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0)
  ? false
  : 'neither curl nor wget is here';
let sshd: Sshd;
test('a device fetches by itself: cut off and gone on with, proven there, the token in no argument', {
  skip: sshdMissing || noFetcher,
}, async (t) => {
  sshd = await startSshd();
  const hub = await startHub(t, tiny);
  hub.token = 'secret-of-mine';
  const workdir = scratch();
  const connection = await connect(sshd.device('pi', { workdir }));
  connection.lost.catch(() => {});
  try {
    const file = { url: `${hub.endpoint}/${hub.repo}/resolve/main/${hub.file}`, bytes: tiny.length, sha256: hub.sha256 };
    const path = join(workdir, 'models/it.gguf');
    const wanted = { connection, file, hub: { endpoint: hub.endpoint, token: 'secret-of-mine' }, path };
    await assert.rejects(fetchOn({ ...wanted, hub: { ...wanted.hub, token: null } }), /device pi: .*wants a token/);
    mkdirSync(join(workdir, 'models'), { recursive: true });
    writeFileSync(`${path}.part`, tiny.subarray(0, 5000));
    await fetchOn(wanted);
    assert.equal(hub.seen.at(-1)?.range, 'bytes=5000-');
    assert.deepEqual(readFileSync(path), tiny);
    assert.deepEqual(readdirSync(join(workdir, 'models')), ['it.gguf']);
    const asked = hub.seen.length;
    await fetchOn(wanted);
    assert.equal(hub.seen.length, asked, 'what is there is not fetched again');
    await assert.rejects(
      fetchOn({ ...wanted, file: { ...file, sha256: 'a'.repeat(64) }, path: join(workdir, 'models/other.gguf') }),
      /device pi: .*SHA-256 .* and not a{64}/,
    );
    assert.deepEqual(readdirSync(join(workdir, 'models')), ['it.gguf']);
  } finally {
    await connection.close();
    await sshd.stop();
  }
});
