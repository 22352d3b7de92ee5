#!/usr/bin/env node
// Speaks the protocol of `trit serve` (kernels/README.md) and misbehaves in ways a real engine does not. What it does wrong is in the name
// it is called by: trit-crash, trit-silent, trit-garbage, trit-endless, trit-fickle, trit-wrong, trit-badcheck, trit-slow, trit-deaf, trit-untunable.
// trit-held answers two requests, and further ones once a file `go` beside it says how many: what a test does meanwhile comes neither too early nor late.
// trit-lab does nothing wrong: it takes 5 s for a prompt and 20 ms for a token, so that power meters have something to see.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const fault = basename(process.argv[1]).replace(/^trit-?/, '');
const [command, ...rest] = process.argv.slice(2);
const option = (...names) => rest[rest.findIndex((word) => names.includes(word)) + 1];
const now = () => Number(process.hrtime.bigint());
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function fnv(tokens) {
  let hash = 0xcbf29ce484222325n;
  for (const token of tokens) {
    for (const byte of new Uint8Array(Int32Array.of(token).buffer)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  }
  return hash.toString(16).padStart(16, '0');
}

/** How many requests trit-held may answer. */
function allowed() {
  const go = join(dirname(process.argv[1]), 'go');
  return existsSync(go) ? Number(readFileSync(go, 'utf8')) : 2;
}

async function serve() {
  const model = option('-m', '--model');
  if (!existsSync(model)) {
    process.stderr.write(`trit serve: ${model} does not exist\n`);
    process.exit(1);
  }
  const { size } = statSync(model);
  const tiny = { file: model, arch: 'double', bytes: size, vocab: 512, context: 256, layers: 1, dim: 64 };
  const start = now();
  const common = { version: 'double', isa: 'scalar', kernels: { gemv: 'scalar' }, layouts: 't2', threads: Number(option('-t')), cpus: '' };
  say({ event: 'ready', ...common, weight_bytes: 1000, load_ns: now() - start, t_ns: now(), pid: process.pid, model: tiny });
  let request = 0;
  const input = createInterface({ input: process.stdin });
  let over = false;
  input.once('close', () => {
    over = true;
  });
  for await (const line of input) {
    const { op, id, max_tokens: asked = 16, tokens: given, random_tokens: random, prompt = '', seed = 1 } = JSON.parse(line);
    if (op === 'quit') break;
    if (op === 'usage') say({ event: 'usage', id, rss: 1, peak_rss: 2, minor_faults: 0, major_faults: 0, t_ns: now() });
    if (op !== 'generate') continue;
    request += 1;
    const golden = given !== undefined;
    const bad = golden ? '' : fault;
    const request_ns = now();
    const n_prompt = given?.length ?? random ?? prompt.length;
    if (bad === 'silent' || bad === 'deaf') continue;
    while (bad === 'held' && request > allowed() && !over) await sleep(20);
    if (bad === 'crash' && request > 2) process.kill(process.pid, 'SIGSEGV');
    if (bad === 'garbage') process.stdout.write('Segmentation\x00 fault?\x1b[31m {"event":\n');
    say({ event: 'start', id, n_prompt, t_ns: now() });
    if (bad === 'lab') await sleep(5000);
    const limit = bad === 'endless' ? Number.POSITIVE_INFINITY : asked;
    const tokens = [];
    const stamps = [];
    for (let index = 0; index < limit; index++) {
      await sleep(bad === 'slow' || (bad === 'lab' && index > 0) ? 20 : 0);
      const token = (n_prompt * 7 + index * 13 + seed + (bad === 'fickle' ? request : 0) + (golden && fault === 'wrong' ? 1 : 0)) % 512;
      tokens.push(token);
      stamps.push(now());
      say({ event: 'token', id, index, token, text: 'x', t_ns: stamps.at(-1) });
    }
    const times = { request_ns, prefill_ns: stamps[0] - request_ns, first_ns: stamps[0], last_ns: stamps.at(-1) };
    const memory = { bytes_per_token: 1000, minor_faults: 1, major_faults: 0, rss: 1, peak_rss: 2 };
    say({ event: 'done', id, n_prompt, n_gen: tokens.length, ...times, stop: 'length', hash: fnv(tokens), ...memory });
  }
}

if (command === 'synth') {
  const path = option('-o');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${option('--preset')} ${option('--type')} ${option('--head')} ${option('--seed')}\n`);
} else if (command === 'check') {
  const ok = fault !== 'badcheck';
  const detail = ok ? '' : 'row 3 of 5 differs: 17 instead of 16';
  say({ seed: 7, isas: [{ isa: 'avx2', kernels: [{ kernel: 'gemv_t2i8', ok, cases: 1, detail }] }], ok });
  process.exitCode = ok ? 0 : 1;
} else if (command === 'tune' && fault === 'untunable') {
  process.stderr.write('trit tune: only 12 MB are available\n');
  process.exitCode = 1;
} else if (command === 'tune') {
  say({
    threads: 1,
    layout: 't5',
    load: 'mmap',
    layout_ratio: 0.91,
    load_ratio: null,
    ns_per_weight: 0.1,
    streamed_bytes: 1000,
    record: '/tune/record',
  });
} else if (command === 'serve') {
  if (fault === 'deaf') {
    process.on('SIGTERM', () => {});
    setInterval(() => {}, 1000);
  }
  await serve();
} else {
  process.exitCode = 2;
}
