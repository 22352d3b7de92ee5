import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { nodeHost } from '../../agents/hosts/node.ts';
import { Meter } from '../../src/core/meter.ts';
import type { Reading, Source } from '../../src/core/source.ts';
import { openMeter } from '../../src/fleet/meters/meter.ts';
import { homeAssistant, shellyGen1, shellyGen2, tasmota } from '../../src/fleet/meters/plug.ts';
import { recordedSample } from '../support/machine.ts';
import { serve, serveTexts } from '../support/web.ts';

const open = (meter: Record<string, unknown>, env: NodeJS.ProcessEnv = {}): Source => openMeter(Meter.parse(meter), nodeHost, env);
const ask = (meter: Record<string, unknown>, env: NodeJS.ProcessEnv = {}): Promise<Reading> => open(meter, env).read();
const mute = async (meter: Record<string, unknown>, sentence: RegExp, env: NodeJS.ProcessEnv = {}) => {
  const { watts, joules, why } = await ask(meter, env);
  assert.deepEqual([watts, joules], [null, null], 'nothing is made up');
  assert.match(why ?? '', sentence);
};

const GEN1 = recordedSample('shelly-gen1-meter.json').trim();
const GEN2 = recordedSample('shelly-gen2.json').trim();
const TASMOTA = recordedSample('tasmota.json').trim();

test('recorded answers: Shelly of both generations, Tasmota', () => {
  assert.deepEqual(shellyGen1(`{"meters":[${GEN1}]}`, 0), { watts: 0, joules: 0 });
  const loaded = GEN1.replace('"power":0.00', '"power":4711.12').replace('"total":0', '"total":6472513');
  assert.deepEqual(shellyGen1(`{"meters":[${loaded}]}`, 0), { watts: 4711.12, joules: 6472513 * 60 }, 'watt-minutes');
  assert.deepEqual(
    shellyGen1('{"meters":[],"emeters":[{"power":10.66,"is_valid":true,"total":5.3}]}', 0),
    { watts: 10.66, joules: 19080 },
    'watt-hours',
  );
  assert.throws(() => shellyGen1(`{"meters":[${GEN1.replace('"is_valid":true', '"is_valid":false')}]}`, 0), /not valid/);
  assert.throws(() => shellyGen1(`{"meters":[${GEN1}]}`, 1), /no channel 1/);
  assert.deepEqual(shellyGen2(GEN2), { watts: 25.7, joules: 913.252 * 3600 });
  assert.deepEqual(shellyGen2(recordedSample('shelly-gen2-short.json')), { watts: 4.1, joules: 18.015 * 3600 });
  assert.throws(() => shellyGen2('{"id":0,"apower":1,"errors":["power_meter:overflow"]}'), /power_meter:overflow/);
  assert.deepEqual(tasmota(TASMOTA), { watts: 2, joules: 41.573 * 3.6e6 });
  assert.equal(tasmota(TASMOTA.replace('"Power":2', '"Power":[1,2.5,3]')).watts, 6.5, 'three phases');
  assert.throws(() => tasmota('{"WARNING":"Need user=<username>&password=<password>"}'), /wants a user and a password/);
});

test('Home Assistant: text as a figure, its unit, and values that are old or absent', () => {
  const now = Date.parse('2026-11-21T10:00:20Z');
  const state = (value: string, unit: string | undefined, updated = '2026-11-21T10:00:11.5+00:00') =>
    homeAssistant(
      JSON.stringify({ entity_id: 'sensor.plug_power', state: value, attributes: { unit_of_measurement: unit }, last_updated: updated }),
      now,
    );
  assert.deepEqual(state('25.7', 'W'), { watts: 25.7, joules: null });
  assert.deepEqual(state('0.0257', 'kW'), { watts: 25.7, joules: null });
  assert.deepEqual(state('1.5', 'kWh'), { watts: null, joules: 5.4e6 });
  const recorded = recordedSample('home-assistant.json');
  assert.deepEqual(homeAssistant(recorded, Date.parse('2026-04-25T16:53:00Z')), { watts: 77.1, joules: null });
  assert.throws(() => homeAssistant(recorded, now), /s old/);
  assert.throws(() => state('unavailable', 'W'), /its state is "unavailable"/);
  assert.throws(() => state('7', 'V'), /its unit is "V"/);
  assert.throws(() => state('7', undefined), /its unit is null/);
  assert.throws(() => state('7', 'W', '2026-11-21T09:59:00Z'), /80 s old/);
});

test('over HTTP: each kind of plug is found and read', async () => {
  const gen1 = await serveTexts({
    '/shelly': '{"type":"SHPLG-S","mac":"x","auth":false}',
    '/status': `{"meters":[${GEN1.replace('0.00', '12.5')}]}`,
  });
  assert.equal((await ask({ type: 'shelly', url: gen1 })).watts, 12.5);
  const gen2 = await serveTexts({ '/shelly': '{"gen":2,"app":"PlusPlugS","auth_en":false}', '/rpc/Switch.GetStatus?id=0': GEN2 });
  const source = open({ type: 'shelly', url: gen2, name: 'desk' });
  assert.deepEqual(await source.read(), { watts: 25.7, joules: 0, why: null });
  assert.deepEqual([source.name, source.scope, source.detail], ['desk', 'wall_ac', `shelly at ${new URL(gen2).host}`]);
  const mini = await serveTexts({ '/shelly': '{"gen":3,"app":"MiniPMG3"}', '/rpc/PM1.GetStatus?id=0': GEN2 });
  assert.equal((await ask({ type: 'shelly', url: mini })).watts, 25.7);
  const plug = await serveTexts({ '/cm?cmnd=Status%208&user=admin&password=p%26w': TASMOTA });
  assert.equal((await ask({ type: 'tasmota', url: plug, password_env: 'PLUG' }, { PLUG: 'p&w' })).watts, 2);
  const now = new Date().toISOString();
  const home = await serve((request, response) => {
    const allowed = request.headers.authorization === 'Bearer secret' && request.url === '/api/states/sensor.plug_power';
    const state = { state: '7.5', attributes: { unit_of_measurement: 'W' }, last_updated: now };
    response.writeHead(allowed ? 200 : 401).end(allowed ? JSON.stringify(state) : '401: Unauthorized');
  });
  const entity = { type: 'home-assistant', url: home, entity: 'sensor.plug_power', token_env: 'TOKEN' };
  assert.equal((await ask(entity, { TOKEN: 'secret' })).watts, 7.5);
  await mute(entity, /another user, password or token/, { TOKEN: 'old' });
  assert.throws(() => open(entity), /the environment variable TOKEN is empty/);
});

test('a Shelly that wants a digest gets one', async () => {
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const url = await serve((request, response) => {
    const field = (name: string) => new RegExp(`${name}="?([^",]+)`).exec(request.headers.authorization ?? '')?.[1];
    const a1 = hash('admin:shellyplus-1:right');
    const wanted = hash(`${a1}:n0:00000001:${field('cnonce')}:auth:${hash(`GET:${request.url}`)}`);
    if (request.url === '/shelly') response.end('{"gen":2,"app":"Plus1PM"}');
    else if (field('response') === wanted) response.end(GEN2);
    else response.writeHead(401, { 'www-authenticate': 'Digest qop="auth", realm="shellyplus-1", nonce="n0", algorithm=SHA-256' }).end();
  });
  const meter = { type: 'shelly', url, password_env: 'P' };
  assert.equal((await ask(meter, { P: 'right' })).watts, 25.7);
  await mute(meter, /another user, password or token/, { P: 'wrong' });
});

test('any address and any program, with a pattern and a unit', async () => {
  const url = await serveTexts({ '/netio.xml': '<Output><Load>5120</Load></Output>', '/bad': 'Load: -3', '/text': 'nothing' });
  const meter = { type: 'url', scope: 'wall_ac', pattern: '<Load>(\\d+)<', unit: 'mW' };
  assert.equal((await ask({ ...meter, url: `${url}/netio.xml` })).watts, 5.12);
  await mute({ ...meter, url: `${url}/text` }, /does not match the pattern .*"nothing"/);
  await mute({ ...meter, pattern: 'Load: (.*)', url: `${url}/bad` }, /"-3" is no power or energy/);
  const program = { type: 'command', scope: 'dc_input', pattern: 'energy (\\S+)', unit: 'Wh' };
  const counting = open({ ...program, command: ['sh', '-c', 'echo energy 1.5'] });
  assert.deepEqual(await counting.read(), { watts: null, joules: 0, why: null });
  await mute({ ...program, command: ['sh', '-c', 'echo no meter >&2; exit 3'] }, /ended with status 3: no meter/);
  await mute({ ...program, command: ['no-such-meter'] }, /could not be started|not there/);
  await mute({ ...program, command: ['sleep', '60'] }, /did not end within 3 s/);
  assert.ok(!Meter.safeParse({ type: 'shelly', url: 'http://me:secret@plug' }).success, 'a password has no place in a file');
  assert.ok(!Meter.safeParse({ type: 'shelly', url: 'http://plug', name: 'rapl' }).success, 'a meter is no sensor');
  assert.ok(!Meter.safeParse({ type: 'shelly', url: 'file:///etc/passwd' }).success);
  for (const pattern of ['(', 'x', '(a)(b)']) assert.ok(!Meter.safeParse({ ...program, command: ['x'], pattern }).success, pattern);
});

test('a pipe of NDJSON lines: what is no reading is passed over; its end is told', async () => {
  const lines = ['USB meter v2', '{"volts":5}', '{"watts":3.5}', '{"joules":100}', '{"joules":101.5,"watts":3}', '{"watts":-1}', '{"watts":"7"}'];
  const source = open({ type: 'pipe', scope: 'dc_input', command: ['printf', '%s\\n', ...lines] });
  assert.deepEqual(await source.read(), { watts: 3.5, joules: null, why: null });
  assert.deepEqual(await source.read(), { watts: null, joules: 0, why: null });
  assert.deepEqual(await source.read(), { watts: 3, joules: 1.5, why: null });
  assert.match((await source.read()).why ?? '', /gives no more readings/);
  await source.close();
});

test('hostile answers: garbage, floods, silence, drips, redirects, lies, a closed port', async () => {
  const meter = (url: string) => ({ type: 'url', url, scope: 'wall_ac', pattern: '"apower":([^,}]+)', unit: 'W' });
  const at = async (answer: Parameters<typeof serve>[0]) => meter(await serve(answer));
  await mute({ type: 'shelly', url: await serve((_, r) => void r.end('\x1b[31m<html>')) }, /something else than JSON: "\\u001b\[31m<html>"/);
  await mute({ type: 'shelly', url: await serve((_, r) => void r.end('{"hello":1}')) }, /no Shelly/);
  await mute(
    { type: 'tasmota', url: await serve((_, r) => void r.end('{"StatusSNS":{"ENERGY":{"Power":"2"}}}')) },
    /no usable StatusSNS.ENERGY.Power/,
  );
  await mute({ type: 'tasmota', url: await serve((_, r) => void r.end('[1e999]')) }, /no usable/);
  let sent = 0;
  const flood = (response: import('node:http').ServerResponse): void => {
    while (!response.destroyed && response.write('x'.repeat(65_536))) sent += 65_536;
    if (!response.destroyed) response.once('drain', () => flood(response));
  };
  await mute(await at((_, response) => flood(response)), /more than 65536 bytes/);
  assert.ok(sent < 64 << 20, `${sent} bytes were taken before it was cut`);
  const elsewhere = await serveTexts({ '/': '"apower":99,' });
  await mute(await at((_, r) => void r.writeHead(302, { location: elsewhere }).end()), /another address, which is not followed/);
  await mute(await at((_, r) => void r.writeHead(500).end('x')), /status 500/);
  await mute(await at((_, r) => void r.end('"apower":1e999,')), /"1e999" is no power/);
  await mute(await at((_, r) => void r.end('"apower":NaN,')), /"NaN" is no power/);
  await mute(await at((_, r) => void r.end('"apower":99999999,')), /gave no figure/);
  await mute(meter('http://127.0.0.1:9'), /cannot be reached|fetch failed|bad port/);
  await mute(await at((request) => void request.socket.destroy()), /cannot be reached/);
  await Promise.all([
    mute(await at(() => {}), /did not answer within 3 s/),
    mute(
      await at((_, response) => {
        const drip = setInterval(() => response.write(' '), 100);
        response.once('close', () => clearInterval(drip));
      }),
      /did not answer within 3 s/,
    ),
  ]);
});
