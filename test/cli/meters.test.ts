import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MeterHosts } from '../../src/cli/meter_hosts.ts';
import { RunMeters, settleMeters } from '../../src/cli/meters.ts';
import { Device } from '../../src/core/device.ts';
import type { JournalRecord } from '../../src/core/journal.ts';
import type { Connection } from '../../src/fleet/connection.ts';
import { openStore } from '../../src/store/store.ts';
import { databasePath } from '../support/database.ts';
import { until } from '../support/job.ts';
import { newRun } from '../support/runs.ts';
import { serve } from '../support/web.ts';

const seconds = () => (performance.timeOrigin + performance.now()) / 1000;

/** A device with one meter whose clock is `ahead` of ours. */
function device(url: string, ahead: number): Connection {
  const meter = { type: 'url', url, name: 'plug', scope: 'wall_ac', pattern: 'power=([\\d.]+)', unit: 'W', period: 0.1 };
  return {
    device: Device.parse({ id: 'pi', host: 'x', meters: [meter] }),
    exec: async (argv: readonly string[]) => ({ code: argv[0] === 'date' ? 0 : 127, stdout: `${(seconds() + ahead).toFixed(9)}\n`, stderr: '' }),
  } as unknown as Connection;
}

test('a meter is set against a device whose clock is 40 s ahead: its step comes where the device says it was', async (t) => {
  let watts = 2;
  const asked: number[] = [];
  const url = await serve((_, response) => {
    asked.push(seconds());
    response.end(`power=${watts}`);
  });
  const store = openStore(databasePath(t));
  store.createRun(newRun());
  const connection = device(url, 40);
  const meters = await RunMeters.begin(store, 'run-1', connection, false, await MeterHosts.of(connection.device, ''));
  assert.ok(meters);
  const begun = seconds();
  const clocks = (seq: number) => ({ seq, wall: (begun + 40) * 1000, mono: 1000 });
  const start: JournalRecord = { ...clocks(1), kind: 'start', job: 'run-1', agent: 'a', pid: 1 };
  meters.take(start);
  store.append('run-1', start);
  // 2 W until it was asked 25 times without a pause, as a busy machine makes some; then 8 W
  await until('questions on their beat', () => {
    const last = asked.filter((time) => time > begun).slice(-25);
    return last.length === 25 && last.every((time, i) => time - (last[i - 2] ?? time) < 0.28);
  });
  watts = 8;
  const steady = asked.slice(-25);
  const steps = asked.length + 5;
  await until('the step', () => asked.length >= steps);
  await meters.end(connection);
  await meters.end(connection); // harmless
  const offsets = store.events('run-1', 'clock').map(({ data }) => data.offset as number);
  assert.equal(offsets.length, 2, 'before and after');
  for (const offset of offsets) assert.ok(Math.abs(offset - 40) < 0.2, `${offset}`);

  // The run says that it idled until 0.3 s before the step.
  const [begin, end] = [(steady[1] as number) - begun, (steady[22] as number) - begun];
  const window = { kind: 'window', prompt: null, launch: 0, repetition: 0, first: null, n_prompt: 0, n_gen: 0 } as const;
  store.append('run-1', { ...clocks(2), ...window, what: 'idle', begin, end });
  settleMeters(store, 'run-1');
  const metrics = () => store.runs()[0]?.metrics;
  assert.ok(Math.abs((metrics()?.power_idle?.median ?? 0) - 2) < 0.001, 'nothing of the 8 W is in it');
  assert.deepEqual([metrics()?.power_idle?.source, metrics()?.power_idle?.scope], ['plug', 'wall_ac']);
  const count = () => store.run('run-1')?.samples.length;
  const before = count();
  settleMeters(store, 'run-1');
  assert.equal(count(), before, 'what is settled stays as it is');
  store.close();
});

test('what a killed controller left of a meter is enough: energies are made of what is stored', (t) => {
  const store = openStore(databasePath(t));
  store.createRun(newRun());
  const piece = (from: number) => {
    const times = Array.from({ length: 50 }, (_, i) => from + i / 10);
    const where = { prompt: null, launch: 0, repetition: 0, source: 'plug', scope: 'wall_ac' } as const;
    return { kind: 'series', series: 'power', unit: 'W', ...where, times, values: times.map(() => 5) } as const;
  };
  store.annotate('run-1', [
    { kind: 'sensor', source: 'plug', scope: 'wall_ac', detail: '', period: 0.1, refresh: 0.1, reader: 'controller', lab: false },
  ]);
  store.annotate('run-1', [piece(0), piece(5)]);
  const request = { kind: 'window', what: 'measure', prompt: 'a', launch: 0, begin: 1, n_prompt: 10, n_gen: 31 } as const;
  store.append('run-1', { seq: 1, wall: 1, mono: 1, ...request, repetition: 0, first: 3, end: 9 });
  store.append('run-1', { seq: 2, wall: 1, mono: 1, ...request, repetition: 1, first: 9, end: 14 });
  settleMeters(store, 'run-1');
  const run = store.run('run-1');
  assert.ok(Math.abs((run?.metrics.energy_per_token?.median ?? 0) - 1) < 1e-9);
  assert.equal(run?.metrics.energy_per_token?.n, 1, 'the second request was after the controller had died');
  assert.equal(run?.metrics.energy_per_token_net, undefined);
  assert.match(run?.evidence.find(({ flag }) => flag === 'energy-missing')?.evidence ?? '', /decode of a: it was silent at the end/);
  store.close();
});

test('a device without meters needs no watching, and a run without them nothing settled', async (t) => {
  const store = openStore(databasePath(t));
  store.createRun(newRun());
  const bare = { device: Device.parse({ id: 'pi', host: 'x' }) } as Connection;
  assert.equal(await RunMeters.begin(store, 'run-1', bare, false, await MeterHosts.of(bare.device, '')), null);
  settleMeters(store, 'run-1');
  assert.deepEqual(store.run('run-1')?.events, []);
  store.close();
});
