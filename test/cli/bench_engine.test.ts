import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Contest } from '../../src/core/contest.ts';
import { findNodeLlama, NodeLlama } from '../../src/rivals/node_llama.ts';
import { agreement, GOLDEN_TOKENS, tritLogits } from '../../src/rivals/outputs.ts';
import { ROOT, type Told } from '../support/cli.ts';
import { temporaryFolder } from '../support/folder.ts';
import { ORACLE_HINT } from '../support/oracle.ts';
import { run, trit } from '../support/trit.ts';

const RECORDED = join(ROOT, 'test/rivals/fixtures');
const folder = temporaryFolder('engine');
const model = join(folder, 'tiny.gguf');
const theirs = join(folder, 'theirs.gguf');
let binary = '';

before(async () => {
  binary = await trit();
  for (const [file, ...more] of [[model], [theirs, '--type', 'tq2_0', '--arch', 'bitnet']] as string[][]) {
    const made = run(binary, ['synth', '--preset', 'tiny', '-o', file as string, ...more]);
    assert.equal(made.status, 0, made.stderr);
  }
});

/** A program in the place of a rival. */
function program(name: string, script: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

async function bench(...args: string[]): Promise<Told> {
  const command = ['--import', 'tsx', join(ROOT, 'src/cli/bench_engine.ts'), '--trit', binary, ...args];
  const options = { cwd: ROOT, env: { ...process.env, NO_COLOR: '1' }, maxBuffer: 1 << 26 };
  return promisify(execFile)(process.execPath, command, options).then(
    ({ stdout, stderr }) => ({ code: 0, signal: null, stdout, stderr }),
    (error) => ({ code: error.code, signal: error.signal, stdout: error.stdout, stderr: error.stderr }),
  );
}

/** The result of a call that was told --json. */
function resultOf(told: Told): Contest {
  const { contests } = JSON.parse(told.stdout) as { contests: Contest[] };
  assert.equal(contests.length, 1);
  return contests[0] as Contest;
}

const json = () => program('json', `cat '${RECORDED}/bitnet.cpp.json'`);

describe('bench:engine', () => {
  it('measures ours and rivals that speak JSON or only Markdown, in every round', async () => {
    const old = 'case "$*" in *"-o json"*) echo "error: invalid parameter for argument: -o" >&2; exit 1;; esac';
    const md = program('md', `${old}; cat '${RECORDED}/ik_llama.cpp.md'`);
    const rivals = ['--no-llama', '--rival', `json=${json()}`, '--rival', `md=${md}`];
    const told = await bench('-m', model, ...rivals, '--cases', 'tg8@1,pp16@1', '-r', '2', '--json');
    assert.equal(told.code, 0, told.stderr);
    const { rounds, standings, entrants } = resultOf(told);
    assert.equal(rounds.length, 4);
    assert.deepEqual(
      standings.map(({ engine, case: test, summary }) => [test.id, engine, summary?.n]),
      ['tg8@1', 'pp16@1'].flatMap((id) => ['trit', 'json', 'md'].map((name) => [id, name, 2])),
    );
    assert.equal(standings[1]?.summary?.median, 5273.264201);
    for (const { rival, ratios, summary } of standings) {
      if (rival) assert.ok((ratios.trit?.n ?? 0) === 2 && (ratios.trit?.median ?? 0) > 0);
      assert.ok((summary?.min ?? 0) > 0);
    }
    assert.ok((standings[0]?.bytes_per_token ?? 0) > 1e6, 'trit tells what it reads');
    for (const { file_sha256, code, outputs } of entrants) {
      assert.match(file_sha256, /^[0-9a-f]{64}$/);
      assert.ok(code.length > 0 && code.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256)));
      assert.equal(outputs.verdict, 'not checked');
    }
    assert.deepEqual(
      entrants.map(({ version }) => version),
      ['0.1.0', '16da220 (109)', '8337e4cd3 (4840)'],
    );
    assert.match(told.stderr, /tg8@1 round 2\/2: json: 5273 tokens\/s/);
  });

  it('tells of rivals that crash, say nothing, take too long or lie about their threads, goes on without them, and ends with 1', async () => {
    const crash = program('crash', `cat '${RECORDED}/llama.cpp-aborted.txt'; echo 'ggml: not enough stack' >&2; kill -SEGV $$`);
    const silent = program('silent', 'exit 0');
    const liar = program('liar', `sed 's/"n_threads": 1/"n_threads": 2/' '${RECORDED}/bitnet.cpp.json'`);
    const slow = program('slow', 'exec sleep 100');
    const rivals = [
      '--rival',
      `crash=${crash}`,
      '--rival',
      `silent=${silent}`,
      '--rival',
      `liar=${liar}`,
      '--rival',
      `slow=${slow}`,
      '--limit',
      '12',
    ];
    const told = await bench('-m', model, '--no-llama', ...rivals, '--cases', 'tg8@1', '-r', '2');
    assert.equal(told.code, 1, told.stderr);
    assert.match(told.stdout, /✗ crash, tg8@1: .*was ended by SIGSEGV: ggml: not enough stack/);
    assert.match(told.stdout, /✗ silent, tg8@1: .*ended without a result and said nothing/);
    assert.match(told.stdout, /✗ liar, tg8@1: .*asked for 1 threads and says that it used 2/);
    assert.match(told.stdout, /✗ slow, tg8@1: .*took longer than 12 s and said nothing/);
    assert.match(told.stdout, /tg8@1 +trit +\d.* 2 /);
    assert.equal(told.stderr.match(/: crash: failed/g)?.length, 1, 'it is not asked again');
  });

  it('goes on where its journal ends, also after a line that was cut off, and only for the same contest', async () => {
    const journal = join(folder, 'journal.ndjson');
    const args = ['-m', model, '--no-llama', '--rival', `json=${json()}`, '--cases', 'tg8@1', '--journal', journal, '--json'];
    const first = resultOf(await bench(...args, '-r', '2'));
    writeFileSync(journal, '{"key":"half a li', { flag: 'a' });
    const second = resultOf(await bench(...args, '-r', '3'));
    assert.equal(second.rounds.length, 3);
    assert.deepEqual(second.rounds.slice(0, 2), first.rounds);
    const third = resultOf(await bench(...args, '-r', '3', '--trit-args', '--layout t5'));
    assert.ok(third.rounds.every(({ measures }) => !second.rounds.some((round) => round.measures.trit?.value === measures.trit?.value)));
    assert.equal(readFileSync(journal, 'utf8').trim().split('\n').length, 7);
  });

  it('measures ours once for each ISA', async () => {
    const contest = resultOf(
      await bench('-m', model, '--no-llama', '--rival', `json=${json()}`, '--isa', 'scalar,auto', '--cases', 'tg8@1', '-r', '1', '--json'),
    );
    assert.deepEqual(
      contest.standings.map(({ engine }) => engine),
      ['trit scalar', 'trit auto', 'json'],
    );
    assert.deepEqual(Object.keys(contest.standings[2]?.ratios ?? {}), ['trit scalar', 'trit auto']);
  });

  it('refuses wrong usage with a sentence and 2', async () => {
    const wrong: [string[], RegExp][] = [
      [['--cases', 'tg64'], /"tg64" is no case/],
      [['--rival', 'x'], /write name=value/],
      [['-m', 'nonsense', '--no-llama'], /there is no model "nonsense"/],
      [['-m', model, '--no-llama', '--rival', 'x=/absent/program'], /\/absent\/program of x does not exist/],
      [['-m', model, '--no-llama', '--rival-model', `x=${model}`], /there is no rival "x"/],
      [['-m', model, '--no-llama', '--rival', `x=${json()}`, '--rival', `x=${json()}`], /two engines are called x/],
      [['-m', model, '--no-llama', '--rival', `x=${json()}`, '--rival-model', 'x=/absent.gguf'], /\/absent\.gguf of x does not exist/],
    ];
    for (const [args, sentence] of wrong) {
      const told = await bench(...args);
      assert.equal(told.code, 2, `${args.join(' ')}: ${told.stderr}`);
      assert.match(told.stderr, sentence);
    }
  });
});

describe('bench:engine against llama.cpp', () => {
  const entry = findNodeLlama(join(ROOT, '.fleet/oracle'));
  const skip = entry ? false : ORACLE_HINT;

  it('compares the outputs, then the speed', { skip }, async () => {
    const args = ['--rival-model', `llama.cpp=${theirs}`, '--cases', 'tg8@1,pp16@1,start@1', '-r', '1', '--json'];
    const told = await bench('-m', model, ...args);
    assert.equal(told.code, 0, told.stderr);
    const { standings, entrants } = resultOf(told);
    const llama = entrants.find(({ name }) => name === 'llama.cpp');
    assert.equal(llama?.outputs.verdict, 'equal', JSON.stringify(llama?.outputs));
    assert.match(llama?.version ?? '', /^node-llama-cpp \d.*llama\.cpp /);
    for (const { engine, summary, failure } of standings) assert.ok(summary && summary.median > 0 && !failure, `${engine}: ${failure}`);
  });

  it('finds that other weights give other outputs', { skip }, async () => {
    const other = join(folder, 'other.gguf');
    const made = run(binary, ['synth', '--preset', 'tiny', '--type', 'tq2_0', '--arch', 'bitnet', '--seed', '2', '-o', other]);
    assert.equal(made.status, 0, made.stderr);
    const engine = new NodeLlama({ name: 'llama.cpp', entry: entry as string, file: theirs, limit: 100 });
    const rows = await engine.logProbabilities(GOLDEN_TOKENS);
    const impostor = Object.assign(Object.create(engine) as NodeLlama, { file: other, logProbabilities: async () => rows });
    assert.equal((await agreement(binary, engine)).verdict, 'equal');
    assert.equal((await agreement(binary, impostor)).verdict, 'differ');
  });
});

describe('trit synth --arch', () => {
  it('writes the same weights under the name the rivals know, and refuses what is no BitNet', async () => {
    const same = join(folder, 'same.gguf');
    const made = run(binary, ['synth', '--preset', 'tiny', '--type', 'tq2_0', '-o', same]);
    assert.equal(made.status, 0, made.stderr);
    const hashes = (file: string) => {
      const { keys, tensors } = JSON.parse(run(binary, ['info', '-m', file, '--hash', '-o', 'json']).stdout);
      return { arch: keys['general.architecture'], tensors };
    };
    const [mine, other] = [hashes(same), hashes(theirs)];
    assert.deepEqual([mine.arch, other.arch], ['bitnet-b1.58', 'bitnet']);
    assert.deepEqual(mine.tensors, other.tensors);
    assert.equal((await tritLogits(binary, theirs, [1, 2])).length, 2);
    const wrong = run(binary, ['synth', '--preset', 'falcon3-1b', '--arch', 'bitnet', '-o', join(folder, 'wrong.gguf')]);
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /do not make a model of architecture "bitnet"/);
  });
});
