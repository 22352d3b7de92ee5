import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Device } from '../../src/core/device.ts';
import { FleetError } from '../../src/core/errors.ts';
import type { HostProcess } from '../../src/core/host.ts';
import { connect } from '../../src/fleet/connect.ts';
import type { Connection } from '../../src/fleet/connection.ts';
import { quote } from '../../src/fleet/connectors/shell.ts';
import { WAYS, type Way } from '../support/connections.ts';

/** Everything a connector promises, asked of each of them. */
function shared({ name, skip, open }: Way): void {
  describe(`connector ${name}`, { skip }, () => {
    let folder: string;
    let c: Connection;
    let stop: () => Promise<void>;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'fleet-connector-'));
      ({ connection: c, stop } = await open(folder));
    });
    after(async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    });

    it('exec: status, stdout, stderr, stdin, environment', async () => {
      const result = await c.exec(['sh', '-c', 'cat; printf "$A"; echo err >&2; exit 3'], { input: 'in\n', env: { A: 'b \'c\' "$d"\n' } });
      assert.deepEqual(result, { code: 3, stdout: 'in\nb \'c\' "$d"\n', stderr: 'err\n' });
    });

    it('exec: a program that is not there gives 127, a killed one 128 + signal', async () => {
      assert.equal((await c.exec(['fleet-no-such-program'])).code, 127);
      assert.equal((await c.exec(['sh', '-c', 'kill -9 $$'])).code, 137);
    });

    it('exec: arguments arrive as they are', async () => {
      const odd = [
        '',
        ' ',
        "it's",
        '"',
        '$HOME',
        '`id`',
        '\\',
        '\\n',
        'a\nb',
        '-n',
        '--',
        '*',
        '~',
        '!',
        '#',
        '%s',
        '\t',
        'é✓',
        ';',
        '&&',
        '|',
        '<',
        "'",
        "''",
        '\r',
      ];
      const { stdout } = await c.exec(['sh', '-c', 'for a; do printf "%s|" "$a"; done', 'sh', ...odd]);
      assert.equal(stdout, `${odd.join('|')}|`);
    });

    it('exec: a megabyte in and out is whole', async () => {
      const input = Array.from({ length: 100_000 }, (_, i) => `line ${i}\n`).join('');
      assert.equal((await c.exec(['cat'], { input })).stdout, input);
    });

    it('exec: stops a program that floods, is late or is cancelled, with its children', async () => {
      const marker = `600.${process.pid}`;
      await assert.rejects(c.exec(['cat', '/dev/zero']), (e) => e instanceof FleetError && /more than 16 MiB and was stopped/.test(e.message));
      await assert.rejects(c.exec(['sh', '-c', `sleep ${marker} & sleep ${marker}`], { timeoutMs: 300 }), /did not end within 0.3 s/);
      const abort = new AbortController();
      const cancelled = c.exec(['sleep', marker], { signal: abort.signal });
      await eventually(async () => assert.equal(programs(`sleep ${marker}`).length, 1));
      abort.abort();
      await assert.rejects(cancelled, /was cancelled/);
      const early = new AbortController();
      const starting = c.exec(['sleep', marker], { signal: early.signal });
      early.abort(); // before it is known to run
      await assert.rejects(starting, /was cancelled/);
      await eventually(async () => assert.deepEqual(programs(`sleep ${marker}`), []));
    });

    it('exec: twenty at once, each with its own answer', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => c.exec(['sh', '-c', 'sleep 0.1; echo $1', 'sh', String(i)])));
      assert.deepEqual(
        answers.map(({ stdout }) => Number(stdout)),
        answers.map((_, i) => i),
      );
    });

    it('spawn: lines both ways, the pid of the program itself, its end', async () => {
      const p = await c.spawn(['sh', '-c', 'echo $$; while read -r line; do echo "got $line"; done; echo bye >&2; printf last; exit 4']);
      p.write('one two');
      p.write('');
      p.end();
      await sleep(300); // lines that come before anybody reads are kept
      assert.deepEqual(await linesOf(p), [String(p.pid), 'got one two', 'got ', 'last']);
      assert.deepEqual(await p.exited, { code: 4, signal: null, stderr: 'bye\n' });
    });

    it('spawn: a hundred thousand lines in order, however slow the reader', async () => {
      const p = await c.spawn(['seq', '100000']);
      await sleep(500);
      let next = 1;
      for await (const line of p.lines) assert.equal(line, String(next++));
      assert.equal(next, 100_001);
      assert.equal((await p.exited).code, 0);
    });

    it('spawn: ends by signal; a program that is not there is refused', async () => {
      const p = await c.spawn(['sleep', '600']);
      p.kill('SIGTERM');
      const { code, signal } = await p.exited;
      assert.deepEqual({ code, signal }, { code: null, signal: 'SIGTERM' });
      await assert.rejects(c.spawn(['fleet-no-such-program']), /fleet-no-such-program could not be started/);
    });

    it('files: written whole with their mode, read, listed; sentences for what is not there', async () => {
      const path = join(folder, 'new folder', "it's.txt");
      await c.writeFile(path, 'first');
      await c.writeFile(path, 'héllo\n', 0o600);
      assert.equal(await c.readFile(path), 'héllo\n');
      assert.equal((await stat(path)).mode & 0o777, 0o600);
      await c.writeFile(join(folder, 'new folder', '.hidden'), '');
      assert.deepEqual(await c.list(join(folder, 'new folder')), ['.hidden', "it's.txt"]);
      await assert.rejects(c.readFile(join(folder, 'absent')), /absent cannot be read: .*(does not exist|No such file)/);
      await assert.rejects(c.list(join(folder, 'absent')), /absent cannot be read/);
      await assert.rejects(c.writeFile('/dev/null/x', ''), /cannot be written/);
      assert.match(await c.readFile('/proc/self/status'), /^Name:/);
    });

    it('upload: the bytes, the mode, the folder, the progress; an empty file too', async () => {
      const local = join(folder, 'local');
      const bytes = Buffer.alloc(3_000_001, 'fleet\0\n\xff', 'latin1');
      await writeFile(local, bytes);
      const remote = join(folder, 'up', 'a b');
      const seen: number[] = [];
      await c.upload(local, remote, { mode: 0o755, onProgress: (done, total) => seen.push(done / total) });
      assert.ok(bytes.equals(await readFile(remote)));
      assert.equal((await stat(remote)).mode & 0o777, 0o755);
      assert.equal(seen.at(-1), 1);
      assert.deepEqual(
        seen,
        [...seen].sort((a, b) => a - b),
      );
      await assert.rejects(stat(`${remote}.part`));
      await writeFile(local, '');
      await c.upload(local, remote);
      assert.equal((await stat(remote)).size, 0);
      await assert.rejects(c.upload(join(folder, 'absent'), remote), FleetError);
    });

    it('upload: two controllers that bring the same file at once both do, and leave nothing else', async () => {
      const local = join(folder, 'wanted by many');
      const bytes = Buffer.alloc(9_000_001, 'the same\n');
      await writeFile(local, bytes);
      const remote = join(folder, 'shared', 'file');
      await Promise.all(Array.from({ length: 3 }, () => c.upload(local, remote, { mode: 0o755 })));
      assert.ok(bytes.equals(await readFile(remote)));
      assert.equal((await stat(remote)).mode & 0o777, 0o755);
      assert.deepEqual(readdirSync(join(folder, 'shared')), ['file']);
    });
  });
}

for (const way of WAYS) shared(way);

describe('quote', () => {
  it('leaves plain words, quotes the rest, refuses NUL', () => {
    assert.equal(quote('a-b/c.d:1'), 'a-b/c.d:1');
    assert.equal(quote(''), "''");
    assert.equal(quote("it's"), `'it'\\''s'`);
    assert.throws(() => quote('a\0b'), /NUL/);
  });
});

describe('a controller that is killed', () => {
  it('leaves no local process behind', async () => {
    const here = await connect(Device.parse({ id: 'here', connector: 'local' }));
    const script = `
      import { connect } from ${JSON.stringify(new URL('../../src/fleet/connect.ts', import.meta.url).href)};
      const c = await connect({ id: 'x', connector: 'local', tags: [], emulated: false });
      const p = await c.spawn(['sleep', '600']);
      console.log(p.pid);
      setInterval(() => {}, 1000);`;
    const controller = await here.spawn([process.execPath, '--import', 'tsx', '--input-type=module', '-e', script]);
    let pid = 0;
    for await (const line of controller.lines) {
      pid = Number(line);
      break;
    }
    assert.ok(pid > 0);
    assert.equal((await here.exec(['kill', '-0', String(pid)])).code, 0);
    controller.kill('SIGKILL');
    await eventually(async () => assert.notEqual((await here.exec(['kill', '-0', String(pid)])).code, 0));
    await here.close();
  });
});

/** Ids of the processes with this command line. */
function programs(commandLine: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim() === commandLine;
    } catch {
      return false; // it has ended meanwhile
    }
  });
}

async function linesOf(process: HostProcess): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of process.lines) lines.push(line);
  return lines;
}

/** Tries for 90 s. */
async function eventually(check: () => Promise<void>): Promise<void> {
  for (const deadline = Date.now() + 90_000; ; ) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
}
