import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concerns, contextFor, fastCores, preflight } from '../../src/cli/preflight.ts';
import type { Suite } from '../../src/core/suite.ts';

const core = (id: number, capacity: number | null, max_hz: number | null = null) => ({ id, capacity, max_hz });
const device = { memory: 8e9, memory_available: 6e9, disk_free: 20e9, workdir: '/home/pi/.cache/fleet' };
const yes = async () => true;
const no = async () => false;
const unasked = () => Promise.reject(new Error('there was no need to ask'));

test('threads: one for each core of the fastest kind', () => {
  assert.equal(fastCores({ cores: [core(0, 250), core(1, 250), core(2, 1024), core(3, 1024), core(4, 1024)] }, null), 3);
  assert.equal(fastCores({ cores: [core(0, null, 1.8e9), core(1, null, 2.4e9)] }, null), 1);
  assert.equal(fastCores({ cores: [core(0, null), core(1, null)] }, null), 2);
  assert.equal(fastCores({ cores: [] }, null), 1);
});

test('threads: one for each CPU that was asked for', () => {
  const cores = [core(0, null)];
  assert.equal(fastCores({ cores }, '4-7'), 4);
  assert.equal(fastCores({ cores }, '0,2,2-3'), 3);
  assert.equal(fastCores({ cores }, '0-99999999'), 4096);
});

test('a model that fits is no sentence', async () => {
  assert.equal(await preflight(device, { model: 'bitnet-2b-4t', bytes: 1.2e9, isThere: no }), null);
  assert.equal(await preflight({ ...device, disk_free: 0 }, { model: 'bitnet-2b-4t', bytes: 1.2e9, isThere: yes }), null);
});

test('whether the file is there is asked only where the disk has no room for it', async () => {
  assert.equal(await preflight(device, { model: 'bitnet-2b-4t', bytes: 1.2e9, isThere: unasked }), null);
  const both = await preflight({ ...device, memory: 1e9, disk_free: 0 }, { model: 'bitnet-2b-4t', bytes: 1.2e9, isThere: unasked });
  assert.match(both ?? '', /it does not fit/);
});

test('too little disk or memory is a sentence with both figures and the way out', async () => {
  const disk = await preflight({ ...device, disk_free: 1e9 }, { model: 'bitnet-2b-4t', bytes: 1.2e9, isThere: no });
  assert.match(disk ?? '', /takes 1\.20 GB and \/home\/pi\/\.cache\/fleet has 1\.00 GB free: make room, or .*--model tiny/);
  const memory = await preflight({ ...device, memory_available: 0.5e9 }, { model: 'bitnet-2b-4t', bytes: 1.2e9, isThere: yes });
  assert.match(memory ?? '', /1\.35 GB of memory and 500 MB of 8\.00 GB are free: .*--model tiny/);
  assert.doesNotMatch((await preflight({ ...device, memory_available: 1 }, { model: 'tiny', bytes: 1e6, isThere: yes })) ?? '', /--model/);
});

test('the context holds every prompt and its answer, and is not more than the model has', () => {
  const suite = (...prompts: Suite['prompts']): Suite => ({
    name: 's',
    version: 1,
    title: '',
    model: 'tiny',
    prompts,
    warmup: 0,
    repetitions: 1,
    launches: 1,
    cooldown: 0,
    seed: 1,
  });
  assert.equal(contextFor(suite({ id: 'a', random_tokens: 512, max_tokens: 128 }), null), 768);
  assert.equal(contextFor(suite({ id: 'a', random_tokens: 512, max_tokens: 128 }), 600), 600);
  assert.ok(contextFor(suite({ id: 'a', text: 'é'.repeat(300), max_tokens: 1 }), null) >= 600);
});

test('a model larger than all of the memory does not fit, whatever is free', async () => {
  const pi3 = { ...device, memory: 0.97e9, memory_available: 0.8e9 };
  assert.match(
    (await preflight(pi3, { model: 'bitnet-2b-4t', bytes: 1.2e9, isThere: yes })) ?? '',
    /the device has 970 MB in all: it does not fit, or take/,
  );
});

const quiet = { cores: [core(0, null), core(1, null), core(2, null), core(3, null)], governor: 'performance', load: 0.1, temperature: 45 };

test('what would spoil the figures is a sentence each, with what to do', () => {
  assert.deepEqual(concerns({ ...quiet, charger: 'plugged' }, undefined), []);
  assert.deepEqual(
    concerns({ ...quiet, governor: null, load: null, temperature: null, charger: null }, undefined),
    [],
    'what is not told is no fault',
  );
  const only = (change: object, gate?: Suite['gate']) => {
    const [sentence = '', ...more] = concerns({ ...quiet, ...change }, gate);
    assert.deepEqual(more, []);
    return sentence;
  };
  assert.match(only({ load: 3.2 }), /cores are busy \(a load of 3\.2 on 4 .*: end other programs/);
  assert.match(only({ governor: 'ondemand performance' }), /governor is ondemand, not performance: .*scaling_governor/);
  assert.match(only({ charger: 'unplugged' }), /runs on battery/);
  assert.match(only({ temperature: 78.4 }), /78 °C, more than 70 °C/);
  assert.match(only({ temperature: 60 }, { load: 0.025, temperature: 55, wait: 1 }), /60 °C, more than 55 °C/, "the suite's own ceiling");
});
