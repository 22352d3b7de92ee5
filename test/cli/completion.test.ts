import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli, ROOT, scratch } from '../support/cli.ts';

const has = (shell: string): string | false =>
  spawnSync(shell, ['-c', 'true']).status === 0 ? false : `${shell} is absent (Debian: apt install ${shell})`;

/** What bash offers after these words, the last of which is being written. */
function offered(script: string, words: readonly string[]): string[] {
  const folder = scratch();
  const fleet = join(folder, 'fleet');
  writeFileSync(fleet, `#!/bin/sh\nexec ${process.execPath} --import ${import.meta.resolve('tsx')} ${ROOT}/src/cli/main.ts "$@"\n`);
  chmodSync(fleet, 0o755);
  const list = ['fleet', ...words].map((word) => `'${word}'`).join(' ');
  const asked = spawnSync('bash', ['-c', `${script}\nCOMP_WORDS=(${list}); COMP_CWORD=${words.length}; _fleet; printf '%s\\n' "\${COMPREPLY[@]}"`], {
    encoding: 'utf8',
    cwd: ROOT,
    env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
  });
  assert.equal(asked.stderr, '');
  return asked.stdout.split('\n').filter(Boolean);
}

test('bash completes commands, options and names', { skip: has('bash') }, async () => {
  const { stdout: script, code } = await cli(['completion', 'bash']);
  assert.equal(code, 0);
  assert.deepEqual(offered(script, ['be']), ['bench']);
  assert.ok(offered(script, ['bench', '--acc']).includes('--accept-new-host-key'));
  assert.ok(offered(script, ['bench', '--js']).includes('--json'));
  assert.deepEqual(offered(script, ['bench', '--device', 'loc']), ['local']);
  assert.deepEqual(offered(script, ['bench', '--suite', 'sm']), ['smoke']);
  assert.ok(offered(script, ['bench', '-m', 'bit']).includes('bitnet-2b-4t'));
  assert.deepEqual(offered(script, ['bench', '--toolchain', 'gcc-12,clang-19']), ['gcc-12,clang-19']);
  assert.deepEqual(offered(script, ['build', '--target', 'aarch']), ['aarch64-linux']);
  assert.deepEqual(offered(script, ['model', 'sy']), ['synth']);
  assert.ok(offered(script, ['model', 'synth', '--se']).includes('--seed'));
  assert.deepEqual(offered(script, ['completion', 'fi']), ['fish']);
  assert.deepEqual(offered(script, ['probe', 'loc']), ['local']);
  assert.deepEqual(offered(script, ['history', '--metric', 'decode_rate,pref']), ['decode_rate,prefill_rate']);
  assert.deepEqual(offered(script, ['baseline', 's']).sort(), ['set', 'show']);
});

for (const shell of ['zsh', 'fish']) {
  test(`the ${shell} script is ${shell}`, { skip: has(shell) }, async () => {
    const { stdout } = await cli(['completion', shell]);
    const folder = scratch();
    writeFileSync(join(folder, 'script'), stdout);
    const read = spawnSync(shell, ['-n', join(folder, 'script')], { encoding: 'utf8' });
    assert.equal(read.status, 0, read.stderr);
  });
}

test('every command and option stands in every script', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout } = await cli(['completion', shell]);
    for (const word of ['bench', 'devices', 'probe', 'build', 'runs', 'show', 'report', 'model', 'synth', 'serve', 'check', 'bisect'])
      assert.ok(stdout.includes(word), `${shell}: ${word}`);
    for (const option of ['toolchain', 'accept-new-host-key', 'since', 'output', 'record']) assert.ok(stdout.includes(option), `${shell}: ${option}`);
  }
});

test('values that cannot be listed are none, and no complaint', async () => {
  const { code, stdout, stderr } = await cli(['completion', 'values', 'device', '--devices', '/dev/null/nothing']);
  assert.equal(code, 0);
  assert.equal(stderr, '');
  assert.ok(stdout === '' || stdout.includes('local'));
  assert.equal((await cli(['completion', 'values', '__proto__'])).stdout, '');
});
