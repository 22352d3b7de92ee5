import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli, scratch } from '../support/cli.ts';

const COMMANDS = ['bench', 'runs', 'show', 'report', 'serve', 'devices', 'probe', 'build', 'model', 'completion', 'setup'];

test('help of every command has a usage, the global options and examples, on stdout, exit 0', async () => {
  for (const args of [[], ['--help'], ...COMMANDS.map((name) => [name, '--help']), ['help', 'bench'], ['model', 'synth', '--help']]) {
    const { code, stdout, stderr } = await cli(args);
    assert.equal(code, 0, args.join(' '));
    assert.equal(stderr, '', args.join(' '));
    assert.match(stdout, /^Usage: fleet/, args.join(' '));
    assert.match(stdout, /--json/, args.join(' '));
    assert.match(stdout, /Examples:\n {2}\$ /, args.join(' '));
  }
});

test('the version is the one of package.json', async () => {
  const { stdout } = await cli(['--version']);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

/** Wrong usage: arguments, and what the sentence must hold. */
const WRONG: readonly (readonly [args: string[], says: RegExp])[] = [
  [['benhc'], /unknown command 'benhc' \(Did you mean bench\?\)/],
  [['bench', '--devcie', 'x'], /unknown option '--devcie' \(Did you mean --device\?\)/],
  [['bench', '--device', 'locl'], /no device "locl"; did you mean "local"\?/],
  [['bench', '--device', 'local,,'], /empty device name/],
  [['bench', '--threads', '0'], /whole number from 1 to 512/],
  [['bench', '--threads', '1e3'], /whole number/],
  [['bench', '--toolchain', 'clang-91'], /no toolchain "clang-91"; did you mean/],
  [['bench', '--toolchain', ''], /names separated by commas/],
  [['bench', '--model', 'tinny'], /no model "tinny"; did you mean "tiny"\?/],
  [['bench', '--model', 'tiny:q99'], /no tensor type "q99"/],
  [['bench', '--model', 'tiny:i2_s:f16:x'], /no model/],
  [['bench', '--model', './no/such.gguf'], /such\.gguf cannot be read/],
  [['bench', '--suite', 'nope'], /no suite nope/],
  [['bench', '--cpus', '0-'], /CPUs like 0-3,6/],
  [['bench', '--repetitions', '0'], /whole number/],
  [['bench', 'extra'], /too many arguments/],
  [['runs', '--status', 'fine'], /states are/],
  [['runs', '--since', 'yesterday-ish'], /write a date/],
  [['runs', '--limit', '0'], /whole number/],
  [['report', '--format', 'pdf'], /no report format "pdf"/],
  [['build', '--target', 'z80'], /no target "z80"/],
  [['completion', 'tcsh'], /no completion for "tcsh"/],
  [['serve', '--port', '99999'], /whole number from 0 to 65535/],
  [['show'], /missing required argument 'id'/],
  [['model', 'syth'], /unknown command 'syth'/],
];

test('wrong usage: one sentence on stderr, nothing on stdout, exit 2', async () => {
  for (const [args, says] of WRONG) {
    const { code, stdout, stderr } = await cli(args);
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    assert.equal(stdout, '', args.join(' '));
    assert.match(stderr, says, args.join(' '));
    assert.doesNotMatch(stderr, /\n {4}at /, `a stack: ${args.join(' ')}`);
    assert.ok(stderr.trimEnd().split('\n').length <= 2, stderr);
  }
});

test('wrong usage with --json is one JSON document too', async () => {
  for (const args of [
    ['bench', '--json', '--device', 'nope'],
    ['--json', 'benhc'],
    ['runs', '--json', '--limit', 'x'],
  ]) {
    const { code, stdout } = await cli(args);
    assert.equal(code, 2);
    assert.equal(typeof JSON.parse(stdout).error, 'string');
  }
});

test('a database that is not there, or is none: exit 1 and the next step', async () => {
  const folder = scratch();
  for (const args of [['runs'], ['report'], ['show', 'last'], ['runs', '--json']]) {
    const { code, stderr } = await cli(args, { cwd: folder });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /no database .*fleet bench/);
  }
  const odd = await cli(['runs', '--db', folder]);
  assert.equal(odd.code, 1);
  assert.match(odd.stderr, /is not a file/);
  const foreign = await cli(['runs', '--db', import.meta.filename]);
  assert.equal(foreign.code, 1);
  assert.match(foreign.stderr, /not a SQLite database/);
});

test('control characters in arguments do not reach the terminal', async () => {
  const { stderr } = await cli(['bench', '--device', 'a\u001b[31mb']);
  assert.ok(!stderr.includes('\u001b'), JSON.stringify(stderr));
});

test('a broken device file is told by file and key, and the other commands go on', async () => {
  const folder = scratch();
  const { writeFileSync } = await import('node:fs');
  writeFileSync(join(folder, 'pi.yaml'), 'hots: 1.2.3.4\n');
  const { code, stderr } = await cli(['devices', '--devices', folder]);
  assert.equal(code, 2);
  assert.match(stderr, /pi\.yaml: unknown key "hots"; did you mean "host"\?/);
  assert.equal((await cli(['model', 'ls', '--devices', folder])).code, 0);
});
