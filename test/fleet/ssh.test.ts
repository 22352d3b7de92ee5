import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FleetError } from '../../src/core/errors.ts';
import { connect } from '../../src/fleet/connect.ts';
import type { Connection } from '../../src/fleet/connection.ts';
import { fingerprint } from '../../src/fleet/connectors/known_hosts.ts';
import { until } from '../support/job.ts';
import { clientHome, makeKey, noMounts, type Sshd, sshdMissing, startSshd } from '../support/sshd.ts';

const never = () => Promise.reject(new Error('nobody may be asked'));

describe('ssh', { skip: sshdMissing }, () => {
  let sshd: Sshd;
  let folder: string;
  let known: string;
  const ssh = (path: string) => join(clientHome(), '.ssh', path);
  const here = () => (sshd.port === 22 ? '127.0.0.1' : `[127.0.0.1]:${sshd.port}`);
  const run = async (connection: Connection, text = 'yes') => {
    const { stdout } = await connection.exec(['echo', text]);
    await connection.close();
    return stdout.trim();
  };
  before(async () => {
    sshd = await startSshd();
    known = ssh('known_hosts');
    folder = await mkdtemp(join(tmpdir(), 'fleet-ssh-test-'));
  });
  beforeEach(async () => {
    await writeFile(known, `${here()} ${sshd.hostKey}\n`);
    await rm(ssh('config'), { force: true });
  });
  after(async () => {
    await sshd.stop();
    await rm(folder, { recursive: true, force: true });
  });

  describe('host keys', () => {
    it('unknown: refused with the fingerprint and what to do, and nothing stored', async () => {
      await writeFile(known, '');
      const sum = execFileSync('ssh-keygen', ['-lf', join(sshd.folder, 'host_key.pub')], { encoding: 'utf8' }).split(' ')[1] as string;
      await assert.rejects(
        connect(sshd.device('d')),
        (e) => e instanceof FleetError && e.message.includes(sum) && e.message.includes('--accept-new-host-key'),
      );
      assert.equal(await readFile(known, 'utf8'), '');
    });

    it('unknown and accepted: stored privately, known from then on', async () => {
      await rm(known);
      const log: string[] = [];
      assert.equal(await run(await connect(sshd.device('d'), { acceptNewHostKey: true, log: (line) => log.push(line) })), 'yes');
      assert.equal(await readFile(known, 'utf8'), `${here()} ${sshd.hostKey}\n`);
      assert.equal((await stat(known)).mode & 0o777, 0o600);
      assert.match(log.join(), /new host key SHA256:\S+ \(ssh-ed25519\) stored in/);
      assert.equal(await run(await connect(sshd.device('d'))), 'yes');
    });

    it('accepted into a file that lacks its last newline: the line before stays whole', async () => {
      await writeFile(known, 'other.example ssh-ed25519 AAAA');
      await run(await connect(sshd.device('d'), { acceptNewHostKey: true }));
      assert.equal(await readFile(known, 'utf8'), `other.example ssh-ed25519 AAAA\n${here()} ${sshd.hostKey}\n`);
    });

    it('changed: refused whatever is accepted, naming file and line; the file is not touched', async () => {
      const other = join(folder, 'other_host_key');
      makeKey('ed25519', other);
      const text = `# comment\n${here()} ${(await readFile(`${other}.pub`, 'utf8')).split(' ').slice(0, 2).join(' ')}\n`;
      await writeFile(known, text);
      const refused = (e: unknown) => e instanceof FleetError && /HOST KEY HAS CHANGED/.test(e.message) && e.message.includes(`${known}, line 2`);
      await assert.rejects(connect(sshd.device('d')), refused);
      await assert.rejects(connect(sshd.device('d'), { acceptNewHostKey: true }), refused);
      assert.equal(await readFile(known, 'utf8'), text);
    });

    it('hashed by ssh-keygen -H: known', async () => {
      execFileSync('ssh-keygen', ['-q', '-H', '-f', known], { stdio: 'ignore' });
      assert.match(await readFile(known, 'utf8'), /^\|1\|/);
      assert.equal(await run(await connect(sshd.device('d'))), 'yes');
    });

    it('revoked: refused although another line knows it', async () => {
      await appendFile(known, `@revoked * ${sshd.hostKey}\n`);
      await assert.rejects(connect(sshd.device('d'), { acceptNewHostKey: true }), /IS REVOKED .*line 2/);
    });

    it('a certificate authority is not used, and that is said', async () => {
      await writeFile(known, `@cert-authority * ${sshd.hostKey}\n`);
      await assert.rejects(connect(sshd.device('d')), /is not known.*@cert-authority.*not supported/);
    });

    it('of several types: the one that is known is asked for; no other is taken in its place', async () => {
      const rsa = join(folder, 'rsa_host_key');
      makeKey('rsa', rsa);
      const two = await startSshd({ config: [`HostKey ${rsa}`], known: false });
      try {
        await writeFile(known, `[127.0.0.1]:${two.port} ${(await readFile(`${rsa}.pub`, 'utf8')).split(' ').slice(0, 2).join(' ')}\n`);
        assert.equal(await run(await connect(two.device('d'))), 'yes');
        const ecdsa = join(folder, 'ecdsa_host_key');
        makeKey('ecdsa', ecdsa);
        await writeFile(known, `[127.0.0.1]:${two.port} ${(await readFile(`${ecdsa}.pub`, 'utf8')).split(' ').slice(0, 2).join(' ')}\n`);
        await assert.rejects(connect(two.device('d'), { acceptNewHostKey: true }), /does not offer the type of host key that known_hosts has for it/);
      } finally {
        await two.stop();
      }
    });
  });

  describe('being let in', () => {
    it('a key the server does not know: a sentence with what was tried', async () => {
      const identity = join(folder, 'stranger');
      makeKey('ed25519', identity);
      await assert.rejects(connect(sshd.device('d', { identity }), { askPassword: never }), (e) => {
        assert.ok(e instanceof FleetError);
        assert.match(e.message, /^device d: .*did not let \S+ in \(tried: .*stranger; it accepts publickey\)/);
        return true;
      });
    });

    it('a key that is named but absent, or no key', async () => {
      await assert.rejects(connect(sshd.device('d', { identity: join(folder, 'absent') })), /the key .*absent cannot be read/);
      const text = join(folder, 'text');
      await writeFile(text, 'not a key');
      await assert.rejects(connect(sshd.device('d', { identity: text })), /not a private key/);
    });

    it('the default key of the home folder, without any setting', async () => {
      await writeFile(ssh('id_ed25519'), await readFile(sshd.identity), { mode: 0o600 });
      assert.equal(await run(await connect(sshd.device('d', { identity: undefined }))), 'yes');
      await rm(ssh('id_ed25519'));
    });

    it('an encrypted key: asked for its passphrase once, wrong answers forgiven', async () => {
      const identity = join(folder, 'locked');
      makeKey('ed25519', identity, 'open sesame');
      await appendFile(join(sshd.folder, 'authorized_keys'), await readFile(`${identity}.pub`));
      const answers = ['wrong', 'open sesame'];
      const questions: string[] = [];
      const askPassword = async (question: string) => {
        questions.push(question);
        return answers.shift() ?? '';
      };
      assert.equal(await run(await connect(sshd.device('d', { identity }), { askPassword })), 'yes');
      assert.equal(await run(await connect(sshd.device('d', { identity }), { askPassword: never })), 'yes');
      assert.deepEqual(questions, Array(2).fill(`passphrase of ${identity}:`));
    });

    it('an encrypted key where there is no terminal: a sentence', async () => {
      const identity = join(folder, 'locked2');
      makeKey('ed25519', identity, 'secret');
      await assert.rejects(connect(sshd.device('d', { identity })), /the passphrase of .*locked2 cannot be asked for: there is no terminal/);
    });

    it('a key in the ssh-agent', async () => {
      const socket = join(folder, 'agent');
      const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
      try {
        // Its socket is there a moment before it listens.
        await until(
          'the agent takes the key',
          () => spawnSync('ssh-add', ['-q', sshd.identity], { env: { ...process.env, SSH_AUTH_SOCK: socket } }).status === 0,
        );
        process.env.SSH_AUTH_SOCK = socket;
        assert.equal(await run(await connect(sshd.device('d', { identity: undefined }))), 'yes');
      } finally {
        delete process.env.SSH_AUTH_SOCK;
        agent.kill();
      }
    });

    it('an agent that is not there does not stand in the way', async () => {
      process.env.SSH_AUTH_SOCK = join(folder, 'no agent');
      await writeFile(ssh('id_ed25519'), await readFile(sshd.identity), { mode: 0o600 });
      try {
        assert.equal(await run(await connect(sshd.device('d', { identity: undefined }))), 'yes');
      } finally {
        delete process.env.SSH_AUTH_SOCK;
        await rm(ssh('id_ed25519'));
      }
    });

    it('a login shell that starts nothing: a sentence with its words', async () => {
      const strict = await startSshd({ config: ['ForceCommand echo This account is not available; exit 1'] });
      try {
        const c = await connect(strict.device('d'));
        await assert.rejects(c.exec(['true']), /its login shell did not start true: This account is not available/);
        await c.close();
      } finally {
        await strict.stop();
      }
    });
  });

  describe('the way there', () => {
    it('an alias of ~/.ssh/config gives host, port, user and key; the device wins', async () => {
      await writeFile(ssh('config'), `Include more/*.conf\nHost other\n  Port 1\n`);
      execFileSync('mkdir', ['-p', ssh('more')]);
      await writeFile(
        ssh('more/pi.conf'),
        `Host my*pi !mynotpi\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  User ${sshd.user}\n  IdentityFile ${sshd.identity}\n`,
      );
      const alias = { host: 'mypi', port: undefined, user: undefined, identity: undefined };
      assert.equal(await run(await connect(sshd.device('d', alias))), 'yes');
      await assert.rejects(connect(sshd.device('d', { ...alias, port: 1 })), /:1 cannot be reached/);
      await assert.rejects(connect(sshd.device('d', { ...alias, host: 'mynotpi' })), /mynotpi cannot be reached/);
    });

    it('StrictHostKeyChecking no does not weaken the check; UserKnownHostsFile is read', async () => {
      await writeFile(ssh('config'), `Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile ${ssh('mine')}\n`);
      await assert.rejects(connect(sshd.device('d')), /is not known/);
      await writeFile(ssh('mine'), `${here()} ${sshd.hostKey}\n`);
      assert.equal(await run(await connect(sshd.device('d'))), 'yes');
    });

    it('through jump hosts, named by the device or by ~/.ssh/config; each one is checked', async () => {
      const gate = await startSshd({ known: false });
      const inner = await startSshd({ config: ['AllowTcpForwarding no'] });
      try {
        await writeFile(ssh('config'), `Host 127.0.0.1\n  IdentityFile ${gate.identity}\n  IdentityFile ${sshd.identity}\n`);
        const jump = `${gate.user}@127.0.0.1:${gate.port}`;
        await assert.rejects(connect(sshd.device('d', { jump })), new RegExp(`127.0.0.1:${gate.port}: the host key .* is not known`));
        await appendFile(known, `[127.0.0.1]:${gate.port} ${gate.hostKey}\n`);
        assert.equal(await run(await connect(sshd.device('d', { jump }))), 'yes');
        assert.match(gate.log(), /Accepted publickey/);
        await writeFile(
          ssh('config'),
          `Host gate\n HostName 127.0.0.1\n Port ${gate.port}\n IdentityFile ${gate.identity}\nHost 127.0.0.1\n IdentityFile ${sshd.identity}\n ProxyJump gate\nMatch all\n ForwardAgent no\n`,
        );
        assert.equal(await run(await connect(sshd.device('d'))), 'yes');
        await assert.rejects(connect(sshd.device('d', { jump: 'none', port: 1 })), /:1 cannot be reached: nothing listens/);
        await writeFile(ssh('config'), `Host 127.0.0.1\n IdentityFile ${inner.identity}\n`);
        await assert.rejects(connect(sshd.device('d', { jump: `127.0.0.1:${inner.port}` })), /cannot be reached through the jump host/);
        await writeFile(ssh('config'), `Host a\n ProxyJump b\nHost b\n ProxyJump a\n`);
        await assert.rejects(connect(sshd.device('d', { host: 'a' })), /does ~\/.ssh\/config go in a circle/);
        await writeFile(ssh('config'), 'Host 127.0.0.1\n ProxyCommand nc %h %p\n');
        await assert.rejects(connect(sshd.device('d')), /ProxyCommand .* use ProxyJump/);
      } finally {
        await gate.stop();
        await inner.stop();
      }
    });

    it('an IPv6 address', async (t) => {
      const six = await startSshd({ address: '::1' }).catch(() => null);
      if (!six) return t.skip('no IPv6 loopback here');
      assert.equal(await run(await connect(six.device('d'))), 'yes');
      await six.stop();
    });

    it('nobody there, or no SSH server: a sentence within seconds', async () => {
      const mute: Socket[] = [];
      const server = createServer((socket) => void mute.push(socket.on('error', () => {}))).listen(0, '127.0.0.1');
      const http = createServer((socket) => void socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
      for (const one of [server, http]) if (!one.listening) await once(one, 'listening');
      const port = (s: typeof server) => (s.address() as { port: number }).port;
      await assert.rejects(connect(sshd.device('d', { host: 'no-such-host.invalid' })), /no-such-host.invalid.* cannot be reached/);
      await assert.rejects(connect(sshd.device('d', { port: port(http) })), /device d: .*(handshake)/);
      await assert.rejects(connect(sshd.device('d', { port: port(server) })), /did not finish the SSH handshake within 15 s/);
      for (const socket of mute) socket.destroy();
      server.close();
      http.close();
    });
  });

  describe('a link that breaks', () => {
    it('sessions killed: lost rejects and so do all calls, old and new, and nothing is waited for', async () => {
      const c = await connect(sshd.device('d'));
      const p = await c.spawn(['cat']);
      const reader = async () => {
        for await (const _ of p.lines);
      };
      const pending = Promise.allSettled([c.exec(['sleep', '60']), p.exited, c.lost, reader()]);
      await sleep(200);
      assert.ok((await sshd.killSessions()) > 0);
      for (const outcome of await pending) {
        assert.equal(outcome.status, 'rejected');
        assert.match(String((outcome as PromiseRejectedResult).reason), /device d: the link to .* was lost/);
      }
      await assert.rejects(c.exec(['true']), /was lost/);
      await assert.rejects(c.spawn(['true']), /was lost/);
      await c.close();
    });

    it('a server that goes silent: lost after the beats of ~/.ssh/config', async () => {
      await writeFile(ssh('config'), 'Host *\n  ServerAliveInterval 1\n  ServerAliveCountMax 2\n');
      const c = await connect(sshd.device('d'));
      await c.exec(['true']);
      sshd.freezeSessions();
      await assert.rejects(c.exec(['true']), /was lost: no byte from it for 2 s/);
      await sshd.killSessions();
      await c.close();
    });

    it('a call on a closed connection: a sentence', async () => {
      const c = await connect(sshd.device('d'));
      await c.close();
      await assert.rejects(c.exec(['true']), /the connection is closed/);
      let lost = false;
      c.lost.catch(() => {
        lost = true;
      });
      await sleep(200);
      assert.equal(lost, false);
    });

    it('mid-upload, twice: gone on with, no byte doubled or missing', async () => {
      const local = join(folder, 'big');
      const remote = join(sshd.workdir, 'big');
      const bytes = randomBytes(40_000_000);
      await writeFile(local, bytes);
      const starts: number[] = [];
      for (const cut of [10e6, 25e6, Number.POSITIVE_INFINITY]) {
        const c = await connect(sshd.device('d'));
        let first = true;
        let killed: Promise<unknown> | null = null;
        const onProgress = (done: number) => {
          if (first) starts.push(done);
          first = false;
          if (done > cut) killed ??= sshd.killSessions();
        };
        const sent = c.upload(local, remote, { onProgress });
        if (Number.isFinite(cut)) await assert.rejects(sent, /was lost/);
        else await sent;
        await killed;
        await c.close();
      }
      assert.equal(starts[0], 0);
      assert.ok((starts[1] as number) > 5e6 && (starts[2] as number) > (starts[1] as number), `went on at ${starts}`);
      const hash = (data: Buffer) => createHash('sha256').update(data).digest('hex');
      assert.equal(hash(await readFile(remote)), hash(bytes));
    });

    it('a part that is another file is written anew', async () => {
      const local = join(folder, 'small');
      const remote = join(sshd.workdir, 'small');
      await writeFile(local, 'right bytes');
      for (const part of ['wrong', 'wrong bytes that are longer']) {
        await writeFile(`${remote}.part-4194305`, part); // more than any process has (PID_MAX_LIMIT)
        const c = await connect(sshd.device('d'));
        await c.upload(local, remote);
        assert.equal(await readFile(remote, 'utf8'), 'right bytes');
        await c.close();
      }
    });
  });

  it('few sessions allowed: calls wait for each other; without one there is a sentence', async () => {
    for (const maxSessions of [1, 2]) {
      const few = await startSshd({ maxSessions });
      const c = await connect(few.device('d'));
      const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => c.exec(['echo', String(i)])));
      assert.equal(answers.map(({ stdout }) => stdout.trim()).join(), '0,1,2,3,4,5,6,7,8,9,10,11');
      const p = await c.spawn(['cat']);
      if (maxSessions === 1) await assert.rejects(c.exec(['true']), /MaxSessions/);
      else assert.equal((await c.exec(['echo', 'beside'])).stdout, 'beside\n');
      // With one session kill(1) has none left, and sshd passes no signals on to root's programs: closing stdin always works.
      if (maxSessions === 1) p.end();
      else p.kill('SIGTERM');
      assert.equal((await p.exited).signal, maxSessions === 1 ? null : 'SIGTERM');
      await c.close();
      await few.stop();
    }
  });

  it('what the server sets for its sessions arrives; fingerprints are those of ssh-keygen', async () => {
    const own = await startSshd({ environment: { FLEET_TEST: 'two words' } });
    const c = await connect(own.device('d'));
    assert.equal((await c.exec(['sh', '-c', 'echo "$FLEET_TEST"'])).stdout, 'two words\n');
    await c.close();
    await own.stop();
    const shown = execFileSync('ssh-keygen', ['-lf', join(own.folder, 'host_key.pub')], { encoding: 'utf8' });
    assert.ok(shown.includes(fingerprint(Buffer.from(own.hostKey.split(' ')[1] as string, 'base64'))));
  });

  it('a full disk: a sentence with what is free', { skip: noMounts }, async () => {
    const small = await startSshd({ diskMiB: 4 });
    const c = await connect(small.device('d'));
    const local = join(folder, 'too big');
    await writeFile(local, randomBytes(8 * 2 ** 20));
    await assert.rejects(
      c.upload(local, join(small.workdir, 'x')),
      /device d: .*x cannot be written: the disk is full: 8 MiB are to be sent, \d+ MiB are free/,
    );
    await c.close();
    await small.stop();
  });
});
