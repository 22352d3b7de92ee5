/**
 * A made-up database to look at the dashboard with: several devices, toolchains and threads, runs that are invalid, failed or under way.
 * All of it follows from a seed. node --import tsx test/support/demo-store.ts FILE
 */
import { pathToFileURL } from 'node:url';
import type { Build } from '../../src/core/build.ts';
import type { Facts } from '../../src/core/facts.ts';
import type { FlagName } from '../../src/core/flags.ts';
import type { JournalEntry, JournalRecord } from '../../src/core/journal.ts';
import type { Store } from '../../src/core/store.ts';
import { openStore } from '../../src/store/store.ts';
import { seeded } from './random.ts';
import { FACTS } from './runs.ts';

interface DemoDevice {
  id: string;
  title: string;
  cpu: string;
  machine: string;
  target: Build['target'];
  cores: number;
  memory: number; // bytes
  decode: number; // tokens/s of a 2B model on all cores
  prefill: number; // tokens/s
  jitter: number; // relative spread of a token
  features: string[];
  isa: string;
}

const DEVICES: readonly DemoDevice[] = [
  {
    ...{ id: 'desktop', title: 'Desktop, Ryzen 7 7700', cpu: 'AMD Ryzen 7 7700 8-Core Processor', machine: 'x86_64', target: 'x86_64-linux' },
    ...{ cores: 8, memory: 32e9, decode: 46, prefill: 412, jitter: 0.015, features: ['avx2', 'fma', 'avx512f', 'avx512_vnni'], isa: 'avx512vnni' },
  },
  {
    ...{
      id: 'thinkpad',
      title: 'ThinkPad T490s, i5-8365U',
      cpu: 'Intel(R) Core(TM) i5-8365U CPU @ 1.60GHz',
      machine: 'x86_64',
      target: 'x86_64-linux',
    },
    ...{ cores: 4, memory: 16e9, decode: 19.4, prefill: 63, jitter: 0.05, features: ['avx2', 'fma'], isa: 'avx2' },
  },
  {
    ...{ id: 'moto-g56', title: 'Moto G56, Dimensity 7060', cpu: 'MediaTek Dimensity 7060', machine: 'aarch64', target: 'aarch64-linux' },
    ...{ cores: 4, memory: 8e9, decode: 11.8, prefill: 38, jitter: 0.09, features: ['asimd', 'asimddp'], isa: 'neon-dotprod' },
  },
  {
    ...{ id: 'rpi5', title: 'Raspberry Pi 5, 8 GB', cpu: 'Cortex-A76', machine: 'aarch64', target: 'aarch64-linux' },
    ...{ cores: 4, memory: 8e9, decode: 9.7, prefill: 24, jitter: 0.02, features: ['asimd', 'asimddp'], isa: 'neon-dotprod' },
  },
  {
    ...{ id: 'rpi4', title: 'Raspberry Pi 4, 4 GB', cpu: 'Cortex-A72', machine: 'aarch64', target: 'aarch64-linux' },
    ...{ cores: 4, memory: 4e9, decode: 3.3, prefill: 5.6, jitter: 0.03, features: ['asimd'], isa: 'neon' },
  },
  {
    ...{ id: 'rpi3', title: 'Raspberry Pi 3, 1 GB', cpu: 'Cortex-A53', machine: 'aarch64', target: 'aarch64-linux' },
    ...{ cores: 4, memory: 1e9, decode: 0.21, prefill: 0.9, jitter: 0.4, features: ['asimd'], isa: 'neon' },
  },
];
const TOOLCHAINS = [
  { name: 'clang-14', compiler: 'clang 14.0.6', factor: 0.93 },
  { name: 'clang-19', compiler: 'clang 19.1.7', factor: 1 },
  { name: 'gcc-12', compiler: 'gcc 12.2.0', factor: 0.97 },
] as const;
const MODELS = {
  'bitnet-2b-4t': { bytes: 1.187e9, perToken: 1.19e9, factor: 1, prefill: 1 },
  'tinyllama-1.1b': { bytes: 0.44e9, perToken: 0.46e9, factor: 2.3, prefill: 2.1 },
} as const;
const PROMPTS = [
  { id: 'pp512-tg128', prompt: 512, tokens: 128 },
  { id: 'question', prompt: 38, tokens: 48 },
  { id: 'summary', prompt: 182, tokens: 48 },
  { id: 'code', prompt: 44, tokens: 48 },
];
const TEXTS: Record<string, string> = {
  'pp512-tg128':
    ' the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she there would their we him been has when who will no more if out so up',
  question:
    'Yeast works more slowly in the cold, so less gas is made in an hour. A baker can let the dough rise overnight, or set the bowl near an oven. Warmer water at the start helps too.',
  summary:
    'The footbridge was closed on Monday because two planks had come loose; rusted screws were replaced by stainless bolts. It opened again on Thursday and will be looked at every spring.',
  code: "size_t words(const char *s)\n{\n    size_t n = 0;\n    for (int in = 0; *s; s++) {\n        int space = *s == ' ' || *s == '\\t' || *s == '\\n';\n        n += !space && !in;\n        in = !space;\n    }\n    return n;\n}",
};

export interface DemoRun {
  id: string;
  device: string;
  toolchain: string;
  model: keyof typeof MODELS;
  threads: number;
  /** Ends like this; null leaves the run under way. */
  status: 'ok' | 'failed' | 'cancelled' | null;
  message?: string;
  flags?: readonly [FlagName, string][];
  /** Only the first so many records are written. */
  records?: number;
}

/** Fills an empty store. `now` is when the newest run began, ms since 1970. */
export function fillDemo(store: Store, { seed = 1, now = Date.now() }: { seed?: number; now?: number } = {}): void {
  const random = seeded(seed);
  const runs = plan();
  for (const [i, run] of runs.entries()) addDemoRun(store, run, now - (runs.length - 1 - i) * 1_380_000 - Math.floor(random() * 300_000), random);
}

/** Two comparisons by pairs of launches and one of a build with itself, on one device. */
export function addDemoComparisons(store: Store, { seed = 2, now = Date.now() }: { seed?: number; now?: number } = {}): void {
  const random = seeded(seed);
  const device = DEVICES.find(({ id }) => id === 'thinkpad') as DemoDevice;
  const epoch = store.saveFacts({ id: device.id, title: device.title }, factsOf(device));
  const side = (name: string) => {
    const { compiler } = TOOLCHAINS.find((one) => one.name === name) as (typeof TOOLCHAINS)[number];
    return { toolchain: name, flags: '-O3 -flto', sha256: shaOf(device.target, name), compiler, code: name, target: device.target };
  };
  for (const [k, [baseline, candidate, gain]] of (
    [
      ['clang-14', 'clang-14', 1],
      ['clang-14', 'clang-19', 1.075],
      ['clang-19', 'gcc-12', 1.001],
    ] as const
  ).entries()) {
    const id = `20261121-10000${k}-paired${k}`;
    const started = now - 3_600_000 + k * 600_000;
    store.createComparison({
      ...{ id, device: device.id, baseline: side(baseline), candidate: side(candidate), model: 'bitnet-2b-4t', suite: 'pair', suiteVersion: 1 },
      ...{ threads: 4, metrics: ['decode_rate', 'prefill_rate'], seed: 1, epoch, started },
    });
    for (let pair = 1; pair <= 8; pair++)
      for (const one of ['baseline', 'candidate'] as const) {
        const run = `${id}-${pair}-${one[0]}`;
        const build = side(one === 'baseline' ? baseline : candidate);
        store.createRun({
          ...{ id: run, device: device.id, toolchain: build.toolchain, build, model: 'bitnet-2b-4t', suite: 'pair', suiteVersion: 1, threads: 4 },
          ...{
            cpus: null,
            emulated: false,
            facts: factsOf(device),
            journal: null,
            started: started + pair * 60_000 + (one === 'candidate' ? 20_000 : 0),
          },
        });
        const rate = 18 * (one === 'candidate' ? gain : 1) * (1 + 0.006 * (random() - 0.5));
        const at = (seq: number) => ({ seq, wall: started, mono: seq });
        const value = { prompt: 'random128', launch: 0, repetition: 0, warmup: false };
        store.appendMany(run, [
          { ...at(1), kind: 'sample', metric: 'decode_rate', value: rate, ...value },
          { ...at(2), kind: 'sample', metric: 'prefill_rate', value: rate * 3.2, ...value },
          { ...at(3), kind: 'end', status: 'ok', message: null },
        ]);
        store.addLaunch(id, pair, one, run);
      }
    store.endComparison(id, 'ok', null);
  }
}

/** A setting of one device measured twice a day for a month: a new kernel, then a new binary, then for no recorded cause a slower one. */
export function addDemoHistory(store: Store, { seed = 3, now = Date.now() }: { seed?: number; now?: number } = {}): void {
  const random = seeded(seed);
  const device = DEVICES.find(({ id }) => id === 'rpi4') as DemoDevice;
  const of = factsOf(device);
  for (let i = 0; i < 60; i++) {
    const id = `20261101-${String(i).padStart(6, '0')}-nightly`;
    const started = now - (60 - i) * 43_200_000;
    const facts = i < 20 ? { ...of, kernel: '6.6.20' } : of;
    const build = {
      sha256: shaOf(device.target, i < 36 ? 'older' : 'clang-19'),
      compiler: 'clang 19.1.7',
      flags: '-O3 -flto',
      target: device.target,
    };
    store.saveBuild({
      ...build,
      id: build.sha256,
      toolchain: 'clang-19',
      path: 'trit',
      bytes: 1e6,
      code: null,
      commit: i < 36 ? '1111aaaa2222' : '3333bbbb4444',
    });
    const rate = (i < 20 ? 3.02 : i < 36 ? 3.1 : i < 48 ? 3.31 : 3.12) * (1 + 0.008 * (random() + random() - 1));
    store.createRun({
      ...{ id, device: device.id, toolchain: 'clang-19', build, model: 'bitnet-2b-4t', suite: 'nightly', suiteVersion: 1, threads: 4 },
      ...{ cpus: null, emulated: false, facts, journal: null, started },
    });
    const value = { prompt: 'question', launch: 0, repetition: 0, warmup: false };
    store.appendMany(id, [
      { seq: 1, wall: started, mono: 1, kind: 'sample', metric: 'decode_rate', value: rate, ...value },
      { seq: 2, wall: started, mono: 2, kind: 'end', status: 'ok', message: null },
    ]);
  }
}

function plan(): DemoRun[] {
  const runs: DemoRun[] = [];
  const add = (run: Omit<DemoRun, 'id'>) => runs.push({ ...run, id: `20261120-0900${String(runs.length).padStart(2, '0')}-demo${runs.length}` });
  for (const { id: device, cores } of DEVICES) {
    if (device === 'rpi3') continue;
    for (const { name: toolchain } of TOOLCHAINS)
      for (const threads of [1, 2, 4, 8].filter((n) => n <= cores)) add({ device, toolchain, model: 'bitnet-2b-4t', threads, status: 'ok' });
    add({ device, toolchain: 'clang-19', model: 'tinyllama-1.1b', threads: 4, status: 'ok' });
  }
  add({
    ...{ device: 'rpi3', toolchain: 'clang-19', model: 'bitnet-2b-4t', threads: 4, status: 'ok' },
    flags: [['major-faults-in-decode', 'prompt question, repetition 1 of launch 1: 48211 page faults from disk']],
  });
  add({ device: 'rpi3', toolchain: 'clang-19', model: 'tinyllama-1.1b', threads: 4, status: 'ok' });
  add({
    ...{ device: 'thinkpad', toolchain: 'gcc-12', model: 'bitnet-2b-4t', threads: 4, status: 'ok' },
    flags: [['busy', 'prompt summary: other programs used 23.4 % of the processor, more than 5.0 %']],
  });
  add({
    ...{ device: 'moto-g56', toolchain: 'clang-14', model: 'bitnet-2b-4t', threads: 4, status: 'failed', records: 4 },
    message: 'the golden tokens differ at position 7: 2201 instead of 911; see `trit check` on moto-g56',
    flags: [['wrong-output', 'the golden tokens differ at position 7: 2201 instead of 911']],
  });
  add({ device: 'rpi4', toolchain: 'clang-19', model: 'bitnet-2b-4t', threads: 4, status: 'cancelled', message: 'it was told to stop', records: 60 });
  add({ device: 'rpi5', toolchain: 'clang-19', model: 'bitnet-2b-4t', threads: 4, status: 'ok' });
  add({ device: 'rpi5', toolchain: 'clang-19', model: 'bitnet-2b-4t', threads: 3, status: null, records: 95 });
  return runs;
}

/** Adds one run of a known device, with everything an agent would have recorded. */
export function addDemoRun(store: Store, run: DemoRun, started: number, random: () => number): void {
  const device = DEVICES.find(({ id }) => id === run.device) as DemoDevice;
  const toolchain = TOOLCHAINS.find(({ name }) => name === run.toolchain) as (typeof TOOLCHAINS)[number];
  const facts = factsOf(device);
  store.saveFacts({ id: device.id, title: device.title }, facts);
  store.createRun({
    ...{ id: run.id, device: device.id, toolchain: run.toolchain, model: run.model, suite: 'standard', suiteVersion: 1 },
    build: {
      sha256: shaOf(device.target, run.toolchain),
      compiler: toolchain.compiler,
      flags: '-O3 -flto',
      target: device.target,
    },
    ...{ threads: run.threads, cpus: null, emulated: false, facts, journal: `/home/fleet/.cache/fleet/jobs/${run.id}/journal.ndjson`, started },
  });
  const entries = record(run, device, toolchain.factor, random);
  for (const [flag, evidence] of run.flags ?? []) entries.push({ kind: 'flag', flag, evidence });
  if (run.status) entries.push({ kind: 'end', status: run.status, message: run.message ?? null });
  const wall = (i: number) => started + 2000 + (i / entries.length) * 280_000;
  store.appendMany(
    run.id,
    entries.map((entry, i) => ({ ...entry, seq: i + 1, wall: wall(i), mono: 1000 + i }) as JournalRecord),
  );
}

function shaOf(target: string, toolchain: string): string {
  return Array.from(`${target}${toolchain}`.padEnd(32, '.'), (c) => c.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}

function record(run: DemoRun, device: DemoDevice, factor: number, random: () => number): JournalEntry[] {
  const model = MODELS[run.model];
  const share = run.threads / device.cores;
  const decode = device.decode * factor * model.factor * Math.min(1, share ** 0.62) * (1 + 0.02 * (random() - 0.5));
  const prefill = device.prefill * factor * model.prefill * share ** 0.9;
  const noise = (spread: number) => 1 + spread * (random() + random() + random() - 1.5);
  const out: JournalEntry[] = [
    { kind: 'start', job: run.id, agent: 'fleet-agent 1', pid: 4242 },
    { kind: 'phase', phase: 'check' },
    { kind: 'phase', phase: 'golden' },
    { kind: 'phase', phase: 'load', detail: run.model, done: 0, total: 1 },
    { kind: 'engine', engine: engineOf(run, device, model.bytes) },
    { kind: 'sample', metric: 'load_time', value: (model.bytes / 1.4e9) * noise(0.1), prompt: null, launch: 0, repetition: 0, warmup: false },
    { kind: 'sample', metric: 'model_bytes', value: model.bytes, prompt: null, launch: 0, repetition: 0, warmup: false },
  ];
  for (const { id, prompt, tokens } of PROMPTS)
    for (let i = -1; i < 5; i++) {
      const where = { prompt: id, launch: 0, repetition: Math.max(0, i), warmup: i < 0 };
      out.push({ kind: 'phase', phase: i < 0 ? 'warmup' : 'measure', detail: id, done: where.repetition, total: i < 0 ? 1 : 5 });
      const first = (prompt / prefill) * noise(0.02);
      const times = [first + 0.002];
      for (let k = 1; k < tokens; k++) {
        const slow = random() < 0.01 ? 1.6 + random() : 1;
        times.push((times[k - 1] as number) + (1 / decode) * (1 + 0.0006 * k) * noise(device.jitter) * slow);
      }
      const rate = (tokens - 1) / ((times.at(-1) as number) - (times[0] as number));
      const values = {
        ...{ prefill_rate: prompt / first, decode_rate: rate, time_to_first_token: times[0] as number, time_per_output_token: 1 / rate },
        ...{ bytes_per_token: model.perToken, bandwidth: model.perToken * rate, major_faults: run.device === 'rpi3' ? 48211 : 0 },
      };
      for (const [metric, value] of Object.entries(values) as [keyof typeof values, number][]) out.push({ kind: 'sample', metric, value, ...where });
      if (i < 0) continue;
      out.push({ kind: 'series', series: 'token_times', unit: 's', ...where, times, values: [] });
      out.push({ kind: 'output', prompt: id, launch: 0, repetition: i, hash: `${id.length}a7c4e19b03d`, text: TEXTS[id] as string, tokens });
    }
  const peak = Math.min(device.memory * 0.8, model.bytes * 1.12);
  const at = { prompt: 'pp512-tg128', launch: 0, repetition: 0 };
  out.push({ kind: 'phase', phase: 'memory', detail: 'pp512-tg128' });
  const times = Array.from({ length: 60 }, (_, i) => i * 0.25);
  const grow = (i: number, top: number) => top * Math.min(1, 0.82 + 0.18 * (1 - Math.exp(-i / 12))) * noise(0.002);
  out.push({ kind: 'series', series: 'rss', unit: 'B', ...at, times, values: times.map((_, i) => grow(i, peak)) });
  out.push({ kind: 'series', series: 'pss', unit: 'B', ...at, times, values: times.map((_, i) => grow(i, peak * 0.97)) });
  out.push({ kind: 'sample', metric: 'peak_rss', value: peak, prompt: null, launch: 0, repetition: 0, warmup: false });
  out.push({ kind: 'sample', metric: 'peak_pss', value: peak * 0.97, prompt: null, launch: 0, repetition: 0, warmup: false });
  const power = POWERS[run.device];
  if (power) out.push(...powerOf(decode, noise, power));
  return out.slice(0, run.records ?? out.length);
}

interface DemoPower {
  source: string;
  scope: 'board_rails_partial' | 'wall_ac';
  detail: string;
  idle: number; // W
  busy: number; // W
}

const POWERS: Record<string, DemoPower> = {
  rpi5: { source: 'pmic', scope: 'board_rails_partial', detail: 'vcgencmd pmic_read_adc, 12 rails', idle: 2.7, busy: 6.4 },
  rpi4: { source: 'plug', scope: 'wall_ac', detail: 'a plug at the wall', idle: 3.1, busy: 6.1 },
  thinkpad: { source: 'plug', scope: 'wall_ac', detail: 'a plug at the wall', idle: 6.8, busy: 27 },
  'moto-g56': { source: 'plug', scope: 'wall_ac', detail: 'a plug at the wall', idle: 1.4, busy: 6.9 },
};

/** What a sensor or meter told in the sampled requests: 40 s of idling, a minute of decoding, 40 s of idling. */
function powerOf(decode: number, noise: (spread: number) => number, power: DemoPower): JournalEntry[] {
  const times = Array.from({ length: 560 }, (_, i) => i / 4);
  const busy = (t: number) => t >= 40 && t < 100;
  const values = times.map((t) => (busy(t) ? power.busy : power.idle) * noise(0.03));
  const where = { prompt: null, launch: 0, repetition: 0 };
  const of = { source: power.source, scope: power.scope };
  const idle = (repetition: number, begin: number, end: number): JournalEntry => {
    return { kind: 'window', what: 'idle', ...where, repetition, begin, end, first: null, n_prompt: 0, n_gen: 0 };
  };
  const tokens = Math.floor(decode * 58);
  const stamps = Array.from({ length: tokens }, (_, i) => 2 + (i / decode) * noise(0.0001));
  const net = power.busy - power.idle;
  const metrics = { power_mean: power.busy, power_idle: power.idle, energy_per_token: power.busy / decode, energy_per_token_net: net / decode };
  const names = Object.keys(metrics) as (keyof typeof metrics)[];
  const sampled = { prompt: 'pp512-tg128', launch: 0, repetition: 0 };
  return [
    { kind: 'sensor', ...of, detail: power.detail, period: 0.25, refresh: 0.01, reader: 'device', lab: false },
    idle(0, 0, 39),
    { kind: 'window', what: 'sampled', ...sampled, begin: 40, first: 42, end: 40 + (stamps.at(-1) as number), n_prompt: 512, n_gen: tokens },
    { kind: 'series', series: 'token_times', unit: 's', ...sampled, warmup: true, times: stamps, values: [] },
    idle(1, 101, 139),
    { kind: 'series', series: 'power', unit: 'W', ...where, ...of, times, values },
    {
      kind: 'series',
      series: 'temperature',
      unit: 'degC',
      ...where,
      times,
      values: times.map((t) => 48 + (busy(t) ? (t - 40) * 0.4 : 2) * noise(0.02)),
    },
    { kind: 'series', series: 'frequency', unit: 'Hz', ...where, times, values: times.map((t) => (busy(t) ? 2.4e9 : 1.5e9)) },
    ...names.map((metric): JournalEntry => {
      const prompt = metric === 'power_idle' ? null : 'pp512-tg128';
      return { kind: 'sample', metric, value: metrics[metric], ...where, prompt, warmup: false, ...of };
    }),
  ];
}

function factsOf({ cpu, machine, cores, memory, features, title }: DemoDevice): Facts {
  return {
    ...FACTS,
    ...{ kernel: '6.12.34', distribution: 'Debian GNU/Linux 12 (bookworm)', cpu, machine, features, memory, memory_available: memory * 0.8 },
    cores: Array.from({ length: cores }, (_, id) => ({ id, capacity: 1024, max_hz: 2.4e9 })),
    ...{ board: title, governor: 'performance', node: 'v20.18.1', clock_offset: 0.012 },
  };
}

function engineOf({ threads, model }: DemoRun, { isa }: DemoDevice, bytes: number): Record<string, unknown> {
  return {
    ...{ event: 'ready', version: '0.1.0', isa, kernels: { gemv_t2i8: isa, gemm_t2i8: isa, quant_f32i8: isa, rmsnorm_f32: 'scalar' } },
    ...{ layouts: 'i2s-x4', threads, cpus: `0-${threads - 1}`, chat: 'llama3', context: 768, weight_bytes: bytes },
    model: { file: `${model}.gguf`, arch: 'bitnet-b1.58', bytes, vocab: 128256, context: 4096, layers: 30, dim: 2560 },
  };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const store = openStore(process.argv[2] ?? 'demo.db');
  fillDemo(store);
  addDemoComparisons(store);
  addDemoHistory(store);
  store.close();
}
