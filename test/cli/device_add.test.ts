import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { cli, ROOT, scratch } from '../support/cli.ts';
import { clientHome, type Sshd, sshdMissing, startSshd } from '../support/sshd.ts';

describe('fleet devices add', { skip: sshdMissing }, () => {
  const folder = scratch();
  const devices = join(folder, 'devices');
  let known: Sshd;
  let unknown: Sshd;
  const options = () => ({ cwd: folder, env: { FLEET_DEVICES: devices, HOME: clientHome() } });
  const add = (name: string, sshd: Sshd, ...more: string[]) =>
    cli(['devices', 'add', name, `${sshd.user}@127.0.0.1:${sshd.port}`, '--identity', sshd.identity, '--workdir', sshd.workdir, ...more], options());
  before(async () => {
    mkdirSync(join(devices, 'profiles'), { recursive: true });
    for (const machine of ['x86_64', 'aarch64', 'armv7l', 'riscv64'])
      writeFileSync(join(devices, `profiles/any-${machine}.yaml`), `title: any\nmatch: { machine: ${machine} }\n`);
    known = await startSshd();
    unknown = await startSshd({ known: false });
  });
  after(async () => {
    await known.stop();
    await unknown.stop();
  });

  it('asks the device what it is, proposes a profile and writes its file', async () => {
    const { code, stdout, stderr } = await add('desk', known, '--tag', 'lab,quick', '--title', 'the desk', '--json');
    assert.equal(code, 0, stderr);
    const added = JSON.parse(stdout);
    assert.equal(added.device.id, 'desk');
    assert.equal(added.profile, `any-${added.facts.machine}`);
    assert.match(added.target, /-linux$/);
    assert.deepEqual(parse(readFileSync(join(devices, 'desk.yaml'), 'utf8')), {
      ...{ profile: added.profile, title: 'the desk', host: '127.0.0.1', port: known.port, user: known.user },
      ...{ identity: known.identity, workdir: known.workdir, tags: ['lab', 'quick'], ...(added.device.cpus && { cpus: added.device.cpus }) },
    });
    const listed = JSON.parse((await cli(['devices', 'ls', '--check', '-d', 'lab', '--json'], options())).stdout);
    assert.deepEqual(
      listed.devices.map((device: { id: string; reachable: boolean }) => [device.id, device.reachable]),
      [['desk', true]],
    );
    const plain = await cli(['devices', '-d', 'desk'], options());
    assert.match(plain.stdout, /desk +the desk +ssh/, 'without ls it lists too');
  });

  it('a host key that is not known is refused, unless it is to be accepted', async () => {
    const refused = await add('new', unknown, '--yes');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /device new: .*host key SHA256:\S+ \(ssh-ed25519\) is not known.*--accept-new-host-key/);
    assert.ok(!existsSync(join(devices, 'new.yaml')));
    const { code, stdout, stderr } = await add('new', unknown, '--yes', '--accept-new-host-key');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /new is in .*new\.yaml, with the profile any-/);
    assert.match(stdout, /Measure it: fleet bench --device new/);
  });

  it('through a jump host', async () => {
    const { code, stderr } = await add('behind', known, '--jump', `${unknown.user}@127.0.0.1:${unknown.port}`, '--yes');
    // The gate is entered with the default keys, and there is none here: so it is the gate that says no, by name.
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`127.0.0.1:${unknown.port}: the server did not let`));
    writeFileSync(join(clientHome(), '.ssh/config'), `Host gate\n  HostName 127.0.0.1\n  Port ${unknown.port}\n  IdentityFile ${unknown.identity}\n`);
    const through = await add('behind', known, '--jump', 'gate', '--yes');
    assert.equal(through.code, 0, through.stderr);
    assert.equal(parse(readFileSync(join(devices, 'behind.yaml'), 'utf8')).jump, 'gate');
  });

  it('writes nothing over what is there, under no name that means something else, of no profile that is none', async () => {
    for (const [args, says] of [
      [['desk', 'x@127.0.0.1'], /desk\.yaml is there already: .*--replace/],
      [['all', 'x@127.0.0.1'], /"all" is no name for a device/],
      [['quick', 'x@127.0.0.1'], /"quick" is no name for a device/],
      [['Big Pi', 'x@127.0.0.1'], /lower-case letters/],
      [['pi', 'x@'], /is not an SSH address/],
      [['pi', 'x@127.0.0.1', '--profile', 'rpi55'], /no profile "rpi55"; known: any-/],
      [['pi', 'x@127.0.0.1', '--jump', 'a@'], /is not an SSH address/],
      [['pi', 'x@127.0.0.1', '--cpus', 'big'], /CPUs like 0-3,6/],
    ] as const) {
      const { code, stderr } = await cli(['devices', 'add', ...args], options());
      assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, says);
    }
    const before = readFileSync(join(devices, 'desk.yaml'), 'utf8');
    const gone = await cli(['devices', 'add', 'gone', 'x@127.0.0.1:9'], options());
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /device gone: .*cannot be reached/);
    assert.ok(!existsSync(join(devices, 'gone.yaml')));
    assert.equal(readFileSync(join(devices, 'desk.yaml'), 'utf8'), before);
    assert.equal((await add('desk', known, '--replace', '--yes')).code, 0);
    assert.notEqual(readFileSync(join(devices, 'desk.yaml'), 'utf8'), before);
  });

  const noTerminal = spawnSync('script', ['--version']).status === 0 ? false : 'script is absent (Debian: apt install bsdutils)';
  it('on a terminal it asks about the key and the profile', { skip: noTerminal, timeout: 300_000 }, async (t) => {
    const fresh = await startSshd({ known: false });
    const words = ['devices', 'add', 'asked', `${fresh.user}@127.0.0.1:${fresh.port}`, '--identity', fresh.identity, '--workdir', fresh.workdir];
    const line = [process.execPath, '--import', import.meta.resolve('tsx'), join(ROOT, 'src/cli/main.ts'), ...words].join(' ');
    const env = { ...process.env, ...options().env, FLEET_DB: join(folder, 'asked.db'), NO_COLOR: '1' };
    const child = spawn('script', ['-qec', line, '/dev/null'], { cwd: folder, env, stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => child.kill()); // it waits for ever where it asks something else
    let said = '';
    const answers: [RegExp, string][] = [
      [/shows the key SHA256:\S+ \(ssh-ed25519\).*\[y\/N\]/, 'y\n'],
      [/Its profile\? \[any-/, 'nonsense\n'],
      [/no profile nonsense; known: any-.*\r?\n.*Its profile\? \[any-/, 'none\n'],
    ];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const next = answers[0];
      if (next?.[0].test(said)) {
        answers.shift();
        child.stdin.write(next[1]);
      }
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    await fresh.stop();
    assert.equal(code, 0, said);
    assert.deepEqual(answers, [], said);
    assert.equal(parse(readFileSync(join(devices, 'asked.yaml'), 'utf8')).profile, undefined);
    assert.match(readFileSync(join(clientHome(), '.ssh/known_hosts'), 'utf8'), new RegExp(`\\[127.0.0.1\\]:${fresh.port} ssh-ed25519`));
  });
});
