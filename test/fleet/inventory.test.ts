import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Device } from '../../src/core/device.ts';
import { UsageError } from '../../src/core/errors.ts';
import { parseAddress, showAddress } from '../../src/fleet/address.ts';
import { loadInventory, resolveDevices } from '../../src/fleet/inventory.ts';
import { readYaml, yamlFiles } from '../../src/fleet/profiles.ts';

const shipped = fileURLToPath(new URL('../../devices', import.meta.url));

describe('inventory', () => {
  let dir = '';
  const write = (name: string, text: string) => writeFile(join(dir, name), text);
  const ids = async (names: string) => resolveDevices(await loadInventory(dir), names).map((device) => device.id);
  beforeEach(async () => {
    await rm(dir, { recursive: true, force: true });
    dir = await mkdtemp(join(tmpdir(), 'fleet-devices-'));
    await mkdir(join(dir, 'profiles'));
    await write('profiles/rpi5.yaml', 'title: Raspberry Pi 5\nbandwidth: 17e9\n');
    await write('pi.yaml', 'host: 10.0.0.5\nprofile: rpi5\ntags: [arm, desk]\n');
    await write('phone.yaml', 'host: fe80::1\nport: 8022\ntags: [arm]\n');
  });
  after(() => rm(dir, { recursive: true, force: true }));

  it('reads devices and profiles; this machine is always there', async () => {
    const { devices, profiles } = await loadInventory(dir);
    assert.deepEqual(
      devices.map(({ id, connector, port }) => [id, connector, port]),
      [
        ['local', 'local', undefined],
        ['phone', 'ssh', 8022],
        ['pi', 'ssh', undefined],
      ],
    );
    assert.equal(profiles.rpi5?.bandwidth, 17e9);
    assert.deepEqual(
      (await loadInventory(join(dir, 'absent'))).devices.map(({ id }) => id),
      ['local'],
    );
  });

  it('does not read examples, and what is shipped is right', async () => {
    await mkdir(join(dir, 'examples'));
    await write('examples/x.yaml', 'nonsense: true');
    assert.equal((await loadInventory(dir)).devices.length, 3);
    const { profiles } = await loadInventory(shipped);
    for (const id of ['rpi3', 'rpi4', 'rpi5', 'moto-g56', 'thinkpad-8365u']) assert.ok(profiles[id], id);
    const examples = await yamlFiles(join(shipped, 'examples'));
    assert.ok(examples.length > 0);
    for (const file of examples) {
      const example = Device.parse({ id: 'example', ...(await readYaml(file)) });
      assert.ok(profiles[example.profile ?? ''], file);
    }
  });

  const faults: [string, string, RegExp][] = [
    ['an unknown key', 'host: a\nprot: 22', /bad\.yaml: unknown key "prot"; did you mean "port"\?/],
    ['a wrong type', 'host: a\nport: many', /bad\.yaml: "port": .*number/],
    ['a port out of range', 'host: a\nport: 70000', /bad\.yaml: "port": .*65535/],
    ['a password', 'host: a\npassword: secret', /bad\.yaml: unknown key "password"; did you mean "password_env"\?|unknown key "password"/],
    ['a broken line', 'host: a\n  port: 1\n b', /bad\.yaml is not valid YAML: .*line \d/],
    ['a key twice', 'host: a\nhost: b', /bad\.yaml is not valid YAML: .*unique/],
    ['a list', '- host: a', /bad\.yaml must hold keys and values/],
    ['no host', 'user: pi', /bad\.yaml: "host" is missing/],
    ['nothing at all', '', /bad\.yaml: "host" is missing/],
    ['an unknown profile', 'host: a\nprofile: rpi55', /bad\.yaml: "profile": there is no profile "rpi55"; did you mean "rpi5"\?/],
    ['a profile named like a method', 'host: a\nprofile: constructor', /there is no profile "constructor"/],
    ['an id of another file', 'id: good\nhost: a', /bad\.yaml: "id" is "good", but the file's name says "bad"/],
    ['CPUs that are no list', 'host: a\ncpus: big', /bad\.yaml: "cpus"/],
    [
      'an alias bomb',
      `a: &a [x]\n${'bcdefghi'
        .split('')
        .map((k, i) => `${k}: &${k} [${Array(9).fill(`*${'abcdefghi'[i]}`)}]`)
        .join('\n')}`,
      /bad\.yaml/,
    ],
  ];
  for (const [what, text, sentence] of faults) {
    it(`refuses ${what}`, async () => {
      await write('bad.yaml', text);
      await assert.rejects(loadInventory(dir), (e) => e instanceof UsageError && sentence.test(e.message) && e.exitCode === 2);
    });
  }

  it('refuses a name that is no id, a .yml file, and a remote "local"', async () => {
    await write('Big Pi.yaml', 'host: a');
    await assert.rejects(loadInventory(dir), /Big Pi\.yaml: "id": lower-case/);
    await rm(join(dir, 'Big Pi.yaml'));
    await write('x.yml', 'host: a');
    await assert.rejects(loadInventory(dir), /x\.yml is not read; rename it to x\.yaml/);
    await rm(join(dir, 'x.yml'));
    await write('local.yaml', 'host: a');
    await assert.rejects(loadInventory(dir), /"local" is this machine/);
    await write('local.yaml', 'connector: local\ncooling: fan');
    assert.equal((await loadInventory(dir)).devices.find(({ id }) => id === 'local')?.cooling, 'fan');
  });

  it('resolves ids, tags, all and addresses, each device once', async () => {
    assert.deepEqual(await ids('pi, local'), ['pi', 'local']);
    assert.deepEqual(await ids('pi,arm'), ['pi', 'phone']);
    assert.deepEqual(await ids('all'), ['local', 'phone', 'pi']);
    const [device] = resolveDevices(await loadInventory(dir), 'me@Board.example:2222');
    assert.deepEqual([device?.id, device?.host, device?.port, device?.user], ['board.example-2222', 'Board.example', 2222, 'me']);
  });

  it('suggests the nearest name', async () => {
    await assert.rejects(ids('fone'), /there is no device "fone"; did you mean "phone"\?/);
    await assert.rejects(ids('loacl'), /did you mean "local"\?/);
    await assert.rejects(ids('mainframe'), /known: local, phone, pi; declare it in .*mainframe\.yaml/);
    await assert.rejects(ids('pi,'), /empty device name/);
  });
});

describe('addresses', () => {
  it('are read and shown alike', () => {
    for (const text of ['h', 'u@h', 'u@h:2222', '[fe80::1%eth0]:22222', 'u@[::1]', 'a@b@h']) assert.equal(showAddress(parseAddress(text)), text);
    assert.deepEqual(parseAddress('::1'), { host: '::1' });
    assert.deepEqual(parseAddress('ssh://u@h:22'), { user: 'u', host: 'h', port: 22 });
    for (const text of ['', '@h', 'u@', 'h:0', 'h:99999', 'h:x', '-oProxyCommand=x', 'u@-h', 'a b', '-u@h'])
      assert.throws(() => parseAddress(text), UsageError);
  });
});
