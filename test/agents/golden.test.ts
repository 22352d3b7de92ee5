import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { promisify } from 'node:util';
import { Engine } from '../../agents/engine.ts';
import { nodeHost } from '../../agents/hosts/node.ts';
import { GOLDEN } from '../../src/fleet/golden.ts';
import { temporaryFolder } from '../support/folder.ts';
import { isasHere, run, trit } from '../support/trit.ts';

/** Lead of the best over the second-best logit at every step; the ISAs differ from scalar by less than a thousandth of it. */
const LEAD = 0.25;
const kernels = new URL('../../kernels', import.meta.url).pathname;

let binary = '';
let model = '';
before(async () => {
  binary = await trit();
  model = join(temporaryFolder('golden'), 'tiny.gguf');
  synth([binary], model);
});

function synth(command: string[], path: string): void {
  const { preset, type, head, seed } = GOLDEN.synth;
  const [program = '', ...prefix] = command;
  const made = run(program, [...prefix, 'synth', '--preset', preset, '--type', type, '--head', head, '--seed', String(seed), '-o', path]);
  assert.equal(made.status, 0, made.stderr);
}

const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

async function greedy(command: string, isa: string | null, threads: number, path = model): Promise<number[]> {
  const options = { binary: command, model: path, threads, cpus: null, isa, context: 256, timeout: 120, signal: new AbortController().signal };
  const engine = await Engine.start(nodeHost, options);
  try {
    if (isa !== null) assert.equal(engine.ready.isa, isa);
    return (await engine.generate({ tokens: GOLDEN.prompt, max_tokens: GOLDEN.tokens.length, ignore_eos: true })).tokens;
  } finally {
    await engine.abort();
  }
}

test('the golden model is made byte for byte', () => {
  assert.equal(sha256(model), GOLDEN.sha256);
});

test('the golden tokens are those of the scalar specification, each ahead by far', async () => {
  assert.deepEqual(await greedy(binary, 'scalar', 1), GOLDEN.tokens);
  assert.ok(GOLDEN.tokens.length >= 12);
  assert.ok(new Set(GOLDEN.tokens).size > 8, 'a model that repeats itself proves little');
  const ids = [...GOLDEN.prompt, ...GOLDEN.tokens.slice(0, -1)];
  const { stdout } = run(binary, ['logits', '-m', model, '--isa', 'scalar', '--tokens', ids.join()]);
  const rows = stdout
    .trim()
    .split('\n')
    .slice(GOLDEN.prompt.length - 1)
    .map((line) => JSON.parse(line).logits as number[]);
  assert.equal(rows.length, GOLDEN.tokens.length);
  for (const [step, logits] of rows.entries()) {
    const order = logits.map((value, token) => ({ value, token })).sort((a, b) => b.value - a.value);
    assert.equal(order[0]?.token, GOLDEN.tokens[step]);
    const lead = (order[0]?.value ?? 0) - (order[1]?.value ?? 0);
    assert.ok(lead >= LEAD, `step ${step} is ahead by ${lead} only`);
  }
});

test('every ISA of this machine gives them, with one thread and with two', async () => {
  const here = isasHere(binary);
  assert.ok(here.includes('scalar'));
  for (const isa of [null, ...here])
    for (const threads of [1, 2]) assert.deepEqual(await greedy(binary, isa, threads), GOLDEN.tokens, `${isa}, ${threads} threads`);
});

const cross = 'aarch64-linux-gnu-gcc';
const has = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const missing = [cross, 'qemu-aarch64-static'].filter((program) => !has(program));

test('an arm64 build gives them under qemu', { skip: missing.length > 0 && `not here: ${missing.join(', ')}` }, async () => {
  const out = temporaryFolder('arm64');
  await promisify(execFile)('make', ['-j2', '-C', kernels, `CC=${cross}`, 'STATIC=1', `OUT=${out}`], { maxBuffer: 1 << 26 });
  const arm = join(out, 'trit');
  assert.ok(existsSync(arm));
  const path = join(out, 'tiny.gguf');
  synth(['qemu-aarch64-static', arm], path);
  assert.equal(sha256(path), GOLDEN.sha256, 'the model made there');
  for (const cpu of ['cortex-a53', 'cortex-a76']) {
    const requests = `${JSON.stringify({ op: 'generate', id: 'g', tokens: GOLDEN.prompt, max_tokens: GOLDEN.tokens.length, ignore_eos: true })}\n`;
    const { stdout, stderr } = run('qemu-aarch64-static', ['-cpu', cpu, arm, 'serve', '-m', path, '-t', '2', '-c', '256'], requests);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      events.filter((e) => e.event === 'token').map((e) => e.token),
      GOLDEN.tokens,
      `${cpu}: ${stderr}`,
    );
  }
});
