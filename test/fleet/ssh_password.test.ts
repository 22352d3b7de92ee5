import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import ssh2, { type Server } from 'ssh2';
import { Device } from '../../src/core/device.ts';
import { connect } from '../../src/fleet/connect.ts';
import { clientHome } from '../support/sshd.ts';

/**
 * OpenSSH checks passwords against the machine's own accounts, which tests may not touch: so the server here is ssh2's, on a real socket,
 * running real commands.
 */
function passwordServer(method: 'password' | 'keyboard-interactive', password: string): Promise<{ server: Server; port: number; tries: string[] }> {
  const { private: hostKey, public: publicKey } = ssh2.utils.generateKeyPairSync('ed25519');
  const tries: string[] = [];
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (attempt) => {
      if (attempt.method !== method) return attempt.reject([method]);
      const judge = (answer: string) => {
        tries.push(answer);
        if (answer === password) attempt.accept();
        else attempt.reject([method]);
      };
      if (attempt.method === 'password') judge(attempt.password);
      else if (attempt.method === 'keyboard-interactive') attempt.prompt([{ prompt: 'Password: ', echo: false }], ([answer]) => judge(answer ?? ''));
    });
    client.on('session', (accept) => {
      accept().on('exec', (take, _reject, { command }) => {
        const channel = take();
        const child = spawn('sh', ['-c', command]);
        channel.pipe(child.stdin);
        child.stdout.pipe(channel, { end: false });
        child.stderr.pipe(channel.stderr, { end: false });
        child.once('close', (code) => {
          channel.exit(code ?? 1);
          channel.end();
        });
      });
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      writeFileSync(join(clientHome(), '.ssh/known_hosts'), `[127.0.0.1]:${port} ${publicKey.split(' ').slice(0, 2).join(' ')}\n`, { flag: 'a' });
      resolve({ server, port, tries });
    });
  });
}

for (const method of ['password', 'keyboard-interactive'] as const) {
  describe(`ssh by ${method}`, () => {
    let s: Awaited<ReturnType<typeof passwordServer>>;
    const device = (user: string, more = {}) => Device.parse({ id: 'd', host: '127.0.0.1', port: s.port, user, ...more });
    before(async () => {
      s = await passwordServer(method, 'corrèct horse');
    });
    after(() => s.server.close());

    it('from the environment variable that is named', async () => {
      process.env.FLEET_TEST_PASSWORD = 'corrèct horse';
      const c = await connect(device('a', { password_env: 'FLEET_TEST_PASSWORD' }));
      assert.equal((await c.exec(['cat'], { input: 'in' })).stdout, 'in');
      await c.close();
    });

    it('wrong, or not set: a sentence without the password in it', async () => {
      process.env.FLEET_TEST_PASSWORD = 'hunter2';
      s.tries.length = 0;
      await assert.rejects(connect(device('a', { password_env: 'FLEET_TEST_PASSWORD' })), (e: Error) => {
        assert.match(e.message, /did not let a in \(tried: the password in FLEET_TEST_PASSWORD; it accepts \S+\)/);
        assert.ok(!e.message.includes('hunter2'));
        return true;
      });
      assert.deepEqual(s.tries, ['hunter2']);
      delete process.env.FLEET_TEST_PASSWORD;
      await assert.rejects(connect(device('a', { password_env: 'FLEET_TEST_PASSWORD' })), /variable FLEET_TEST_PASSWORD, .* is not set/);
    });

    it('typed: up to three times; kept for a second connection, and not asked for again', async () => {
      const answers = ['one', 'two', 'corrèct horse'];
      let asked = 0;
      const askPassword = async () => answers[asked++] as string;
      await (await connect(device('typist'), { askPassword })).close();
      await (await connect(device('typist'), { askPassword: () => Promise.reject(new Error('asked again')) })).close();
      assert.equal(asked, 3);
      asked = 0;
      await assert.rejects(
        connect(device('guesser'), { askPassword: async () => `wrong ${asked++}` }),
        /tried: a typed password, a typed password, a typed password/,
      );
      assert.equal(asked, 3);
    });

    it('no terminal to ask on: a sentence', async () => {
      await assert.rejects(connect(device('nobody')), /the password of nobody@127.0.0.1:\d+ cannot be asked for: there is no terminal/);
    });
  });
}
