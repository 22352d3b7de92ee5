import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import { connect } from '../../src/fleet/connect.ts';
import { fetchOn } from '../../src/fleet/device_fetch.ts';
import { openStore } from '../../src/store/store.ts';
import { cli, ROOT, scratch } from '../support/cli.ts';
import { type Fault, startHub } from '../support/hub.ts';
import { end, newRun, sample } from '../support/runs.ts';
import { type SafeTensor, safetensorsBytes } from '../support/safetensors.ts';
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

/** A model of one layer as Hugging Face keeps bitnet_b1_58: its configuration and its weights. */
function foreign(): { config: Buffer; weights: Buffer } {
  const [dim, vocabulary] = [128, 8];
  const tensor = (...shape: number[]): SafeTensor => {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i));
    return { dtype: 'F32', shape, values };
  };
  const layer = 'model.layers.0';
  const squares = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj', 'mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'];
  const norms = ['input_layernorm', 'post_attention_layernorm', 'self_attn.inner_attn_ln', 'mlp.ffn_layernorm'];
  const weights = safetensorsBytes({
    'model.embed_tokens.weight': tensor(vocabulary, dim),
    'model.norm.weight': tensor(dim),
    ...Object.fromEntries(squares.map((name) => [`${layer}.${name}.weight`, tensor(dim, dim)])),
    ...Object.fromEntries(norms.map((name) => [`${layer}.${name}.weight`, tensor(dim)])),
  });
  const config = {
    ...{ model_type: 'llama', architectures: ['BitnetForCausalLM'], hidden_act: 'silu', num_hidden_layers: 1, hidden_size: dim },
    ...{ intermediate_size: dim, num_attention_heads: 2, max_position_embeddings: 64, rms_norm_eps: 1e-5 },
  };
  return { config: Buffer.from(JSON.stringify(config)), weights: Buffer.from(weights) };
}

test('full precision of a hub: pulled with its settings, both proven, and converted', async (t) => {
  const { config, weights } = foreign();
  const hub = await startHub(t, weights);
  hub.file = 'weights/model.safetensors';
  hub.small = { 'config.json': config };
  const models = scratch();
  const fleet = (...args: string[]) =>
    cli([...args, '--json'], { env: { FLEET_MODELS: models, HF_ENDPOINT: hub.endpoint, HF_TOKEN: '' }, cwd: models });
  const added = await fleet('model', 'add', 'large', `${hub.repo}/${hub.file}`, '--hub');
  assert.equal(added.code, 0, added.stderr);
  const bench = await fleet('bench', '-m', 'hub:large');
  assert.equal(bench.code, 2);
  assert.match(bench.stderr, /large is no GGUF: fleet model pull large, fleet model convert large/);
  hub.lie = 'f'.repeat(40);
  const lied = await fleet('model', 'pull', 'large');
  assert.equal(lied.code, 1);
  assert.match(lied.stderr, /config\.json is not what the hub says it is/);
  assert.ok(!existsSync(join(models, 'large')));
  hub.lie = null;
  const pulled = await fleet('model', 'pull', 'large');
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.deepEqual(readdirSync(join(models, 'large')).sort(), ['config.json', 'model.safetensors']);
  assert.equal((await fleet('model', 'verify')).code, 0);
  writeFileSync(join(models, 'words.gguf'), tiny);
  const converted = await fleet('model', 'convert', 'large', '-o', 'large.gguf', '--type', 'i2_s', '--vocab', 'words.gguf');
  assert.equal(converted.code, 0, converted.stderr);
  const { stdout } = run(await trit(), ['info', '-m', join(models, 'large.gguf'), '-o', 'json']);
  assert.equal(JSON.parse(stdout).keys['general.architecture'], 'bitnet');
  assert.equal((await fleet('model', 'convert', 'large', '-o', 'x.gguf')).code, 2, 'neither type nor target');
  const mixed = await fleet('model', 'convert', 'large', '-o', 'mixed.gguf', '--target-bits', '3.4');
  assert.equal(mixed.code, 0, mixed.stderr);
});

test('energy is predicted from latencies, and its story stays open', async () => {
  const folder = scratch();
  const store = openStore(join(folder, 'fleet.db'));
  for (const [model, rate] of [
    ['tinyllama-1.1b:f16:f16', 10],
    ['tinyllama-1.1b:i2_s:q6_k', 80],
  ] as const) {
    store.createRun(newRun({ id: model.replace(/\W/g, '-'), model, suite: 'fp16-vs-ternary' }));
    store.appendMany(model.replace(/\W/g, '-'), [sample(1, 'decode_rate', rate), end(2)]);
  }
  store.close();
  const { stdout } = await cli(['stories'], { cwd: folder });
  assert.match(
    stdout,
    /energy: needs a device .*; a token would take 12\.5 % of the energy on local if both drew the same power \(predicted, from latencies\)/,
  );
  assert.match(stdout, /energy +.*less.*open/);
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
    let number = 0;
    /** Fetches into a new place over a server that does this wrong; what it asked for. */
    const over = async (...faults: Fault[]) => {
      hub.faults = faults;
      const before = hub.seen.length;
      const place = join(workdir, `models/${++number}.gguf`);
      await fetchOn({ ...wanted, path: place, pause: 0.01 });
      assert.deepEqual(readFileSync(place), tiny);
      return hub.seen.slice(before);
    };
    const third = Math.ceil(tiny.length / 3);
    assert.deepEqual(
      (await over('cut', 'cut')).map(({ range }) => range),
      [null, `bytes=${third}-`, `bytes=${third + Math.ceil((tiny.length - third) / 3)}-`],
    );
    assert.equal((await over('short')).length, 2, 'a length that is said too short');
    assert.equal((await over('redirect')).length, 2);
    const led = await over('elsewhere');
    assert.deepEqual([led[0]?.authorization, led[1]?.authorization], ['Bearer secret-of-mine', null], 'another host gets no token');
    await assert.rejects(over('flipped'), /device pi: .*has the SHA-256 [0-9a-f]{64} there and not/);
    if (spawnSync('wget', ['--version']).status === 0) {
      const bin = scratch();
      for (const name of ['sh', 'mkdir', 'dirname', 'cat', 'wc', 'rm', 'mv', 'sha256sum', 'wget'])
        symlinkSync(execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim(), join(bin, name));
      const exec: typeof connection.exec = (argv, options) => connection.exec(['/usr/bin/env', `PATH=${bin}`, ...argv], options);
      const [path, before] = [join(workdir, 'models/by-wget.gguf'), hub.seen.length];
      const only = { ...wanted, connection: { device: connection.device, exec } as typeof connection, path, pause: 0.01 };
      await assert.rejects(fetchOn(only), /device pi has only wget, which passes a token on to other hosts: install curl/);
      assert.equal(hub.seen.length, before);
      hub.token = null;
      await fetchOn({ ...only, hub: { ...only.hub, token: null } });
      assert.deepEqual(readFileSync(path), tiny);
      hub.token = 'secret-of-mine';
    }
    hub.bytes = Buffer.concat([tiny, Buffer.alloc(1_000_000)]);
    await assert.rejects(over('endless'), new RegExp(`device pi: .*longer than the ${tiny.length} bytes`));
    assert.ok(hub.seen.length > 0 && !readdirSync(join(workdir, 'models')).some((name) => name.endsWith('.part')));
  } finally {
    await connection.close();
    await sshd.stop();
  }
});

test('a published model on many devices: each fetches it, or gets it from here; its hash is proven there each time', {
  skip: sshdMissing || noFetcher,
}, async (t) => {
  execFileSync(join(ROOT, 'fleet'), ['setup'], { stdio: 'ignore' });
  const { hub, models, env } = await setting(t);
  const devices = scratch();
  const servers = [await startSshd(), await startSshd(), await startSshd()];
  t.after(() => Promise.all(servers.map((server) => server.stop())));
  for (const [i, { port, user, identity, workdir }] of servers.entries())
    writeFileSync(join(devices, `${'abc'[i]}.yaml`), stringify({ host: '127.0.0.1', port, user, identity, workdir, emulated: true })); // few cases of each kernel
  const prompts = [{ id: 'a', random_tokens: 8, max_tokens: 4 }];
  writeFileSync(
    join(models, 'short.json'),
    JSON.stringify({ name: 'short', version: 1, title: 't', model: 'tiny', prompts, warmup: 0, repetitions: 1, limits: false }),
  );
  const fleet = async (status: number, ...args: string[]) => {
    const options = { cwd: models, env: { ...env, FLEET_DEVICES: devices, HOME: process.env.HOME ?? models } };
    const { code, stdout, stderr } = await cli([...args, '--json'], options);
    assert.equal(code, status, `${stderr}\n${stdout}`);
    return JSON.parse(stdout) as { runs: { device: string; model: string; status: string }[]; errors: { message: string }[] };
  };
  const bench = (status: number, ...args: string[]) => fleet(status, 'bench', '-m', 'hub:mine', '-s', './short.json', '-t', '1', ...args);
  const sent = () => hub.seen.filter(({ path }) => !path.startsWith('/api/')).length;
  const there = (i: number) => join((servers[i] as Sshd).workdir, 'models', `${hub.sha256.slice(0, 16)}-mine.gguf`);
  await fleet(0, 'model', 'add', 'mine', `${hub.repo}/${hub.file}`, '--hub');
  hub.faults = ['cut'];
  const before = sent();
  const both = await bench(0, '-d', 'a,b', '--model-from', 'device');
  assert.deepEqual(both.runs.map(({ device, model, status }) => `${device} ${model} ${status}`).sort(), ['a hub:mine ok', 'b hub:mine ok']);
  assert.equal(sent() - before, 3, 'each asked by itself, one of them twice');
  for (const i of [0, 1]) assert.deepEqual(readFileSync(there(i)), tiny);
  await fleet(0, 'model', 'pull', 'mine');
  const asked = sent();
  await bench(0, '-d', 'b,c');
  assert.equal(sent(), asked, 'from here, and to one of them alone');
  assert.deepEqual(readFileSync(there(2)), tiny);
  writeFileSync(there(2), Buffer.concat([tiny.subarray(0, -1), Buffer.from([1])]));
  await bench(0, '-d', 'c');
  assert.deepEqual(readFileSync(there(2)), tiny, 'what was changed there is sent again');
  hub.faults = ['flipped'];
  rmSync(there(0));
  const refused = await bench(1, '-d', 'a', '--model-from', 'device');
  assert.match(refused.errors[0]?.message ?? refused.runs[0]?.status ?? '', /SHA-256|failed/);
  assert.ok(!existsSync(there(0)));
});
