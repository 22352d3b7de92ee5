import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStore } from '../../src/store/store.ts';
import { ROOT, scratch } from '../support/cli.ts';

/** The quick start of the README, in a fresh clone. The second command is the one that runs this test. */

function skipped(): string | false {
  if (!process.env.CI) return 'installs everything anew, which takes minutes: set CI=true';
  if (!existsSync(join(ROOT, '.git'))) return 'this is no git checkout';
  return false;
}

test('the quick start is two commands, and the first one works in a fresh clone', { skip: skipped() }, () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const block = readme.split('## Quick start')[1]?.match(/```\n([\s\S]*?)```/)?.[1] ?? '';
  const commands = block.split('\n').map((line) => line.replace(/ +#.*/, ''));
  assert.deepEqual(commands, ['./fleet bench --device local', 'npm test', '']);

  const folder = scratch();
  const clone = join(folder, 'clone');
  execFileSync('git', ['clone', '--quiet', ROOT, clone]);
  const bench = () =>
    spawnSync('./fleet', ['bench', '--device', 'local', '--suite', 'smoke', '--json'], {
      cwd: clone,
      encoding: 'utf8',
      env: { ...process.env, HOME: folder, npm_config_userconfig: join(homedir(), '.npmrc'), FLEET_DB: '' },
    });

  const first = bench();
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stderr, /installing npm packages/);
  assert.match(first.stderr, /building with cc/);
  const second = bench();
  assert.equal(second.status, 0, second.stderr);
  assert.doesNotMatch(second.stderr, /installing|bundling/);

  const store = openStore(join(clone, 'fleet.db'), { readonly: true });
  const stored = store.runs({}).map(({ id, status }) => [id, status]);
  store.close();
  const told = [second, first].map(({ stdout }) => JSON.parse(stdout).runs[0].id);
  assert.deepEqual(
    stored,
    told.map((id) => [id, 'ok']),
  );
  assert.equal(execFileSync('git', ['status', '--porcelain'], { cwd: clone, encoding: 'utf8' }), '', 'a run leaves files that git does not ignore');
});
