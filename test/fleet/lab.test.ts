import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RunMeters, settleMeters } from '../../src/cli/meters.ts';
import type { Device } from '../../src/core/device.ts';
import type { MetricName } from '../../src/core/metric.ts';
import { METRICS } from '../../src/core/metric.ts';
import type { RunDetail, StoredEvent } from '../../src/core/store.ts';
import { connect } from '../../src/fleet/connect.ts';
import { startRun } from '../../src/fleet/run.ts';
import { openStore } from '../../src/store/store.ts';
import { plainFacts } from '../support/facts.ts';
import { agentBundle, doubleJob, scratch } from '../support/job.ts';
import { type Curve, curveEnergy, type Lab, type Play, startLab } from '../support/lab.ts';
import { newRun } from '../support/runs.ts';
import { type Sshd, sshdMissing, startSshd } from '../support/sshd.ts';

/**
 * A process plays the sensors of a device along a known curve, behind a real sshd; the energies that a whole run measures are held against the
 * integral of the curve over the same windows. What the agent, the journal, the store and the meters' clock do is all real.
 */

const CURVE: Curve = { base: 6, swing: 2, period: 11 };
const TOKENS = 600; // 12 s of decode after 4 s of prefill

interface Measured {
  run: RunDetail;
  windows: StoredEvent['data'][];
  /** The monotonic clock when the run began. */
  begun: number;
  lab: Lab;
}

let sshd: Sshd;

async function measure(plays: readonly Play[], more: (lab: Lab) => Partial<Device> = () => ({}), lose = 0): Promise<Measured> {
  const lab = await startLab(plays, CURVE);
  const workdir = scratch('lab');
  const device = sshd.device(plays.join('-'), { workdir, lab: lab.root, ...more(lab) });
  const connection = await connect(device);
  const store = openStore(`${workdir}/fleet.db`);
  const suite = {
    ...{ name: 'lab', version: 1, title: 'for tests', model: 'tiny', warmup: 0, repetitions: 1, launches: 1, cooldown: 0, seed: 1 },
    prompts: [{ id: 'a', random_tokens: 32, max_tokens: TOKENS }],
    energy: { idle: 13, repetitions: 1 },
  };
  const { meters, sensors } = device;
  const job = doubleJob(workdir, 'lab', { suite, lab: lab.root, ...(meters?.length && { meters: true }), ...(sensors && { sensors }) });
  store.createRun(newRun({ id: job.id, device: device.id }));
  const beside = await RunMeters.begin(store, job.id, connection, false);
  let losing: NodeJS.Timeout | undefined;
  try {
    await startRun(connection, plainFacts(workdir), job, {
      agentPath: await agentBundle(),
      onRecord(record) {
        beside?.take(record);
        store.append(job.id, record);
        if (lose > 0 && record.kind === 'phase' && record.phase === 'power') losing = setTimeout(() => lab.lose(lose), 8000);
      },
      onFlag: (flag, evidence) => store.addFlag(job.id, flag, evidence),
      onStatus: () => {},
    });
    await beside?.end(connection);
    settleMeters(store, job.id);
    const run = store.run(job.id) as RunDetail;
    assert.equal(run.status, 'ok', run.message ?? '');
    const begun = store.events(job.id, 'start')[0]?.mono as number;
    return { run, windows: store.events(job.id, 'window').map(({ data }) => data), begun, lab };
  } finally {
    clearTimeout(losing);
    await connection.close();
    store.close();
    lab.stop();
  }
}

/** Largest departure of a source's figures from the curve, as a share, and how many there are by metric. */
function errorOf({ run, windows, begun, lab }: Measured, source: string): { worst: number; counts: Partial<Record<MetricName, number>> } {
  let worst = 0;
  const counts: Partial<Record<MetricName, number>> = {};
  const meter =
    run.samples.some((s) => s.source === source && s.metric === 'energy_per_token') && windows.some(({ what }) => what === 'sampled') === false;
  for (const { metric, value, repetition, source: from } of run.samples.filter((s) => s.source === source)) {
    assert.equal(from, source);
    counts[metric] = (counts[metric] ?? 0) + 1;
    const what = metric === 'power_idle' ? 'idle' : source === 'plug' || meter ? 'measure' : 'sampled';
    const window = windows.find((one) => one.what === what && one.repetition === repetition) as Record<string, number> | undefined;
    assert.ok(window, `${metric} has a window`);
    const joules = (from: number, to: number) => curveEnergy(lab.curve, begun + from, begun + to);
    const { begin, end, first } = window as { begin: number; end: number; first: number };
    const idles = windows.filter((one) => one.what === 'idle') as unknown as { begin: number; end: number }[];
    const idle = idles.reduce((sum, one) => sum + joules(one.begin, one.end) / (one.end - one.begin), 0) / idles.length;
    const truths: Partial<Record<MetricName, number>> = {
      power_idle: joules(begin, end) / (end - begin),
      power_mean: joules(first, end) / (end - first),
      energy_per_token: joules(first, end) / (TOKENS - 1),
      energy_per_prompt_token: joules(begin, first) / 32,
    };
    const net: Partial<Record<MetricName, [number, number]>> = {
      energy_per_token_net: [joules(first, end) - idle * (end - first), (TOKENS - 1) * 1],
      energy_per_prompt_token_net: [joules(begin, first) - idle * (first - begin), 32],
    };
    const truth = truths[metric];
    if (truth !== undefined) worst = Math.max(worst, Math.abs(value / truth - 1));
    else {
      // net is a small difference of large figures: its error counts against the gross figure
      const [joulesNet, tokens] = net[metric] as [number, number];
      const gross = metric === 'energy_per_token_net' ? joules(first, end) : joules(begin, first);
      worst = Math.max(worst, Math.abs(value * tokens - joulesNet) / gross / 2);
    }
  }
  return { worst, counts };
}

function holds(measured: Measured, source: string, wanted: MetricName[]): void {
  const { worst, counts } = errorOf(measured, source);
  const expected = METRICS.map(({ name }) => name).filter((name) => wanted.includes(name));
  assert.deepEqual(Object.keys(counts).sort(), [...expected].sort(), source);
  console.log(`# lab ${source}: worst ${(worst * 100).toFixed(3)} %`);
  assert.ok(worst < 0.01, `${source}: ${(worst * 100).toFixed(2)} % off the curve`);
}

const DECODE: MetricName[] = ['power_idle', 'power_mean', 'energy_per_token', 'energy_per_token_net'];
const BOTH: MetricName[] = [...DECODE, 'energy_per_prompt_token', 'energy_per_prompt_token_net'];

describe('energy against a known curve, through a real sshd', { skip: sshdMissing, concurrency: true }, () => {
  before(async () => {
    sshd = await startSshd();
  });
  after(() => sshd?.stop());

  test('a Raspberry Pi 5 by its PMIC, and the plug it hangs on', async () => {
    const measured = await measure(['pi5', 'plug'], ({ plug }) => ({
      meters: [{ type: 'shelly', name: 'plug', url: plug, scope: 'wall_ac', channel: 0 }],
    }));
    const { run } = measured;
    holds(measured, 'pmic', BOTH);
    holds(measured, 'plug', DECODE);
    assert.deepEqual(
      [run.metrics.energy_per_token?.source, run.metrics.energy_per_token?.scope],
      ['plug', 'wall_ac'],
      'the widest stands for the run',
    );
    assert.ok(run.flags.includes('lab'), 'a play is never taken for a measurement');
    assert.match(
      run.evidence.find(({ flag }) => flag === 'energy-missing')?.evidence ?? '',
      /^plug: prefill of a: the window of 4\.0\d s holds 4 new values/,
    );
    assert.equal(run.metrics.temperature_max?.max, 48.3);
    assert.equal(run.metrics.frequency_min?.min, 2400033792);
    assert.equal(run.metrics.sampling_overhead?.n, 1);
    const clocks = run.events.filter(({ kind }) => kind === 'clock').map(({ data }) => data.clock);
    assert.deepEqual(clocks, ['device', 'device', 'engine'], 'the meter is set against the device before and after, the device against the engine');
    const names = new Set(run.series.map(({ series, source }) => `${series} ${source ?? ''}`.trim()));
    for (const name of ['power pmic', 'power plug', 'energy plug', 'temperature', 'frequency']) assert.ok(names.has(name), name);
  });

  test('a laptop: a counter that wraps around, and a battery that is new once a second and has the wrong sign', async () => {
    const measured = await measure(['rapl', 'battery']);
    holds(measured, 'rapl', BOTH);
    holds(measured, 'battery', DECODE);
    assert.equal(measured.run.metrics.power_mean?.scope, 'system_battery');
    assert.ok(
      measured.run.flags.every((flag) => ['lab', 'energy-missing', 'sampling-overhead', 'busy', 'idle-drift'].includes(flag)),
      measured.run.flags.join(),
    );
  });

  test('a phone that lies about unit and sign: found out, or told', async () => {
    holds(await measure(['phone']), 'phone-battery', DECODE);
    holds(await measure(['phone'], () => ({ sensors: { battery: { unit: 'mA', discharging: 'positive' } } })), 'phone-battery', DECODE);
  });

  test('sensors that are lost for 3 s: a counter counts on, samples give no figure and say why', async () => {
    const measured = await measure(['rapl', 'pi5'], () => ({}), 3);
    holds(measured, 'rapl', BOTH);
    const { counts, worst } = errorOf(measured, 'pmic');
    assert.deepEqual(Object.keys(counts).sort(), ['energy_per_prompt_token', 'energy_per_prompt_token_net', 'power_idle'], 'decode has none');
    assert.ok(worst < 0.01);
    const [missing] = measured.run.evidence.filter(({ flag }) => flag === 'energy-missing');
    assert.match(missing?.evidence ?? '', /^pmic: decode of a: it was silent for [34]\.\d s in the window \(vcgencmd gave no rails\)$/);
    assert.equal(measured.run.metrics.energy_per_token?.source, 'rapl');
  });
});
