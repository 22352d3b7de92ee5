import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { METRICS } from '../../src/core/metric.ts';
import type { RunSummary } from '../../src/core/run.ts';
import { formatOf } from '../../src/report/render.ts';
import { material } from '../support/material.ts';
import { metricsOf, summary, TYPICAL } from '../support/summaries.ts';

const render = async (format: string, runs: readonly RunSummary[], picture: string | null = null) =>
  (await formatOf(format).render?.(material(runs, { picture }))) as string;

const EVIL = 'ev"il\\\n{x="y"}\u202e\u001b[2J';
const RUNS = [
  summary({ id: 'new', started: 2000 }),
  summary({ id: 'old', started: 1000, metrics: metricsOf({ decode_rate: 1 }) }),
  summary({ id: 'other-flags', started: 900, build: { ...summary().build, flags: '-O2' } }),
  summary({ id: 'four', threads: 4, metrics: metricsOf({ ...TYPICAL, energy_per_token: 2.5, power_mean: 6 }, 3) }),
  summary({ id: 'bad', device: 'bad', flags: ['wrong-output'] }),
  summary({ id: 'failed', device: 'failed', status: 'failed', message: 'no' }),
  summary({ id: 'evil', device: EVIL, model: EVIL }),
  summary({ id: '__proto__', device: '__proto__' }),
];

/** Bencher's published JSON Schema (bencher.dev/bmf.json), with the bounds of its reference on names. */
const Bmf = z.record(
  z.string().min(1).max(1024),
  z.record(
    z
      .string()
      .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/)
      .max(64),
    z.strictObject({ value: z.number(), lower_value: z.number().optional(), upper_value: z.number().optional() }),
  ),
);

test('Bencher: what its schema asks for, the newest valid run of each setting, measures as slugs', async () => {
  const text = await render('bencher', RUNS);
  const parsed = Bmf.parse(JSON.parse(text));
  const names = Object.keys(JSON.parse(text));
  assert.ok(names.includes('local/bitnet-2b-4t/standard/gcc-12/4t'));
  assert.equal(names.length, 5, names.join('\n'));
  assert.ok(!names.some((name) => /bad|failed/.test(name)), 'what is not valid is in no dashboard of others');
  const decode = parsed['local/bitnet-2b-4t/standard/gcc-12/2t/-O3 -march=native']?.['decode-rate'];
  const own = RUNS[0]?.metrics.decode_rate;
  assert.deepEqual(decode, { value: own?.median, lower_value: own?.min, upper_value: own?.max });
  assert.equal(
    parsed['local/bitnet-2b-4t/standard/gcc-12/4t']?.['peak-rss']?.value,
    RUNS[3]?.metrics.peak_rss?.max,
    'the number that stands for the metric',
  );
  for (const measures of Object.values(parsed))
    for (const { value, lower_value = value, upper_value = value } of Object.values(measures))
      assert.ok(lower_value <= value && value <= upper_value);
});

/** As its documentation of custom benchmarks describes it. */
const Custom = z.array(
  z.strictObject({ name: z.string().min(1), unit: z.string().min(1), value: z.number(), range: z.string().optional(), extra: z.string().optional() }),
);

test('github-action-benchmark: rates in one file, times, memory and energy in the other', async () => {
  const [bigger, smaller] = await Promise.all(
    ['github-bigger', 'github-smaller'].map(async (format) => Custom.parse(JSON.parse(await render(format, RUNS)))),
  );
  const titles = (rows: z.infer<typeof Custom> | undefined) => new Set(rows?.map(({ name }) => name.split(': ').at(-1)));
  assert.deepEqual([...titles(bigger)].sort(), ['Bandwidth', 'Decode', 'Prefill']);
  for (const title of ['TTFT', 'ITL', 'Peak RSS', 'J/token']) assert.ok(titles(smaller).has(title), title);
  for (const { name } of METRICS.filter(({ better }) => better === 'higher')) assert.ok(!titles(smaller).has(name));
  const names = [...(bigger ?? []), ...(smaller ?? [])].map(({ name }) => name);
  assert.equal(new Set(names).size, names.length, 'a name stands for one thing');
  const decode = bigger?.find(({ name }) => name === 'local/bitnet-2b-4t/standard/gcc-12/4t: Decode');
  assert.deepEqual([decode?.unit, decode?.value], ['tokens/s', RUNS[3]?.metrics.decode_rate?.median]);
  assert.match(decode?.extra ?? '', /^run four\ngcc 12\.2\.0/);
});

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** A reader of the text exposition format 0.0.4; whatever is not in it fails. */
function parsePrometheus(text: string): { samples: Sample[]; types: Map<string, string> } {
  assert.ok(text.endsWith('\n'));
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line);
    if (help) continue;
    const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped)$/.exec(line);
    if (type) {
      assert.ok(!types.has(type[1] as string), `${type[1]} has one type`);
      types.set(type[1] as string, type[2] as string);
      continue;
    }
    const found = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)$/.exec(line);
    assert.ok(found, `no sample: ${line}`);
    assert.ok(types.has(found[1] as string), `${found[1]} has its type before it`);
    const labels = [...(found[2] ?? '').matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"/g)];
    assert.ok(Number.isFinite(Number(found[3])), line);
    const unescaped = (value: string) => value.replace(/\\(["\\n])/g, (_, c: string) => (c === 'n' ? '\n' : c));
    samples.push({
      name: found[1] as string,
      labels: Object.fromEntries(labels.map(([, key, value]) => [key, unescaped(value as string)])),
      value: Number(found[3]),
    });
  }
  return { samples, types };
}

test('Prometheus: the text format, base units in the names, the newest valid run of each setting', async () => {
  const { samples, types } = parsePrometheus(await render('prometheus', RUNS));
  for (const name of types.keys()) assert.match(name, /^fleet_[a-z_]+$/);
  const of = (name: string, labels: Record<string, string>) =>
    samples.filter((row) => row.name === name && Object.entries(labels).every(([key, value]) => row.labels[key] === value));
  assert.deepEqual(
    of('fleet_decode_rate_tokens_per_second', { device: 'local', threads: '2' }).map(({ value }) => value),
    [RUNS[0]?.metrics.decode_rate?.median],
  );
  assert.equal(of('fleet_peak_rss_bytes', { threads: '4' })[0]?.value, RUNS[3]?.metrics.peak_rss?.max);
  assert.equal(of('fleet_time_to_first_token_seconds', {}).length, 4);
  assert.equal(of('fleet_energy_per_token_joules', {}).length, 1);
  assert.equal(of('fleet_run_started_timestamp_seconds', { device: 'local', threads: '2' })[0]?.value, 2);
  assert.deepEqual(
    of('fleet_runs', {}).map(({ labels, value }) => [labels.status, value]),
    [
      ['ok', 7],
      ['failed', 1],
    ],
  );
  assert.equal(of('fleet_decode_rate_tokens_per_second', { device: 'bad' }).length, 0);
  assert.ok(
    samples.some(({ labels }) => labels.device === 'ev"il\\\\n{x="y"}\\u202e\\u001b[2J' || labels.device?.startsWith('ev"il')),
    'an evil name is one label',
  );
  const keys = samples.map(({ name, labels }) => JSON.stringify([name, Object.entries(labels).sort()]));
  assert.equal(new Set(keys).size, keys.length, 'no sample stands twice');
  assert.equal(parsePrometheus(await render('prometheus', [])).samples.length, 0);
});

test('Markdown names its picture where one stands beside it, and no other', async () => {
  assert.match(await render('markdown', RUNS, 'my report(1).svg'), /^!\[Decode rate by device\]\(my%20report%281%29\.svg\)$/m);
  assert.doesNotMatch(await render('markdown', RUNS), /!\[/);
});
