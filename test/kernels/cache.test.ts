import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { run, trit } from '../support/trit.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'cache-'));
after(() => rmSync(folder, { recursive: true }));
const model = path.join(folder, 'tiny.gguf');

let binary = '';
before(async () => {
  binary = await trit();
  assert.equal(run(binary, ['synth', '--preset', 'tiny', '--type', 'i2_s', '-o', model]).status, 0);
});

function fresh(name: string): string {
  const made = path.join(folder, name);
  mkdirSync(made);
  return made;
}

function logits(...args: string[]): { out: string; note: string } {
  const done = run(binary, ['logits', '-m', model, '--tokens', '1,5,9', '--batch', ...args]);
  assert.equal(done.status, 0, `${args.join(' ')}: ${done.stderr}`);
  return { out: done.stdout, note: done.stderr };
}

describe('the packed cache', () => {
  it('gives the same bits packed, made, mapped and copied, in every layout', () => {
    const wanted = logits('--cache', 'off', '--layout', 't2').out;
    for (const layout of ['t2', 't5']) {
      const cache = fresh(`same-${layout}`);
      const made = logits('--cache', cache, '--layout', layout);
      assert.equal(made.out, wanted);
      assert.match(
        made.note,
        /^trit logits: the packed weights \(\d+ MB\) are kept in [^\n]*\.trit-cache for the next start; --cache off does without\n$/,
      );
      assert.equal(readdirSync(cache).length, 1);
      for (const load of ['auto', 'mmap', 'copy']) {
        const again = logits('--cache', cache, '--layout', layout, '--load', load);
        assert.deepEqual(again, { out: wanted, note: '' }, `${layout} ${load}`);
      }
    }
  });

  it('is not made for a small model unless asked for', () => {
    const before = readdirSync(folder);
    logits();
    assert.deepEqual(readdirSync(folder), before);
  });

  it('is made anew when it or the model has changed, and the full check sees a changed weight', () => {
    const cache = fresh('anew');
    const args = ['--cache', cache, '--layout', 't5'];
    const wanted = logits(...args).out;
    const file = path.join(cache, readdirSync(cache)[0] as string);
    const check = () => run(binary, ['check', '-m', model, '--cache', cache]);
    assert.match(check().stdout, /: ok, \d+ matrices/);
    const bytes = readFileSync(file);
    const damages: [string, (copy: Buffer) => Buffer][] = [
      ['short', (copy) => copy.subarray(0, copy.length - 7)],
      ['empty', () => Buffer.alloc(0)],
      ['header', (copy) => copy.fill(0xff, 16, 24)],
      ['table', (copy) => copy.fill(0xff, copy.length - 100)],
      ['noise', (copy) => copy.fill(0x5a)],
    ];
    for (const [name, damage] of damages) {
      writeFileSync(file, damage(Buffer.from(bytes)));
      assert.equal(check().status, 1, name);
      const made = logits(...args);
      assert.equal(made.out, wanted, name);
      assert.match(made.note, /are kept in/, name);
      assert.equal(check().status, 0, name);
    }
    const weight = Buffer.from(bytes).fill(0x11, 4100, 4110);
    writeFileSync(file, weight);
    const wrong = check();
    assert.equal(wrong.status, 1);
    assert.match(wrong.stdout, /WRONG: the packed cache .* is damaged: blk\.0\.\S+ \(t5\) differs from its hash; remove that file/);
    const { mtime } = statSync(model);
    utimesSync(model, mtime, new Date(mtime.getTime() + 5000));
    assert.match(logits(...args).note, /are kept in/);
    assert.equal(check().status, 0);
  });

  it('does without where it cannot be written, and says so', () => {
    const nowhere = path.join(folder, 'no-such-folder');
    const done = logits('--cache', nowhere);
    assert.match(done.note, /^trit logits: the packed weights are not kept for the next start: [^\n]*no-such-folder[^\n]*\n$/);
    assert.equal(done.out, logits('--cache', 'off').out);
    const cache = fresh('full');
    const limited = run('sh', ['-c', 'ulimit -f 20; exec "$0" logits -m "$1" --tokens 1,5,9 --batch --cache "$2"', binary, model, cache]);
    assert.equal(limited.status, 0, limited.stderr);
    assert.match(limited.stderr, /are not kept for the next start: [^\n]* cannot be written/);
    assert.equal(limited.stdout, done.out);
    assert.deepEqual(readdirSync(cache), []);
  });

  it('is harmless when several processes make it at once', async () => {
    const cache = fresh('many');
    const wanted = logits('--cache', 'off').out;
    const runs = Array.from({ length: 6 }, async () => {
      const child = spawn(binary, ['logits', '-m', model, '--tokens', '1,5,9', '--batch', '--cache', cache]);
      let out = '';
      child.stdout.on('data', (text: Buffer) => {
        out += text;
      });
      const [status] = (await once(child, 'close')) as [number];
      assert.equal(status, 0);
      assert.equal(out, wanted);
    });
    await Promise.all(runs);
    assert.equal(readdirSync(cache).length, 1);
    assert.equal(run(binary, ['check', '-m', model, '--cache', cache]).status, 0);
  });

  it('refuses flags it does not know', () => {
    const refused = run(binary, ['logits', '-m', model, '--tokens', '1', '--load', 'teleport']);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /--load is mmap, copy or auto, not "teleport"/);
    assert.equal(run(binary, ['check', '--cache', folder]).status, 2);
  });
});

describe('trit tune', () => {
  it('keeps what it measured, and only for models that have something to tune', (t) => {
    const home = fresh('home');
    const env = { ...process.env, XDG_CACHE_HOME: home };
    const tune = (...args: string[]) => run('env', [`XDG_CACHE_HOME=${home}`, binary, 'tune', '-m', model, '--seconds', '0.05', '-t', '1', ...args]);
    const done = tune('--cache', fresh('tuned'), '-o', 'json');
    const short = 'more cache here than memory to spare';
    if (/MB are available/.test(done.stderr)) return t.skip(short);
    assert.equal(done.status, 0, done.stderr);
    const result = JSON.parse(done.stdout) as {
      threads: number;
      layout: string;
      load: string;
      layout_ratio: number;
      load_ratio: number;
      record: string;
    };
    assert.equal(result.threads, 1);
    assert.ok(['t2', 't5'].includes(result.layout) && ['mmap', 'copy'].includes(result.load), done.stdout);
    assert.ok(result.layout_ratio > 0 && result.load_ratio > 0, done.stdout);
    assert.ok(existsSync(result.record) && result.record.startsWith(path.join(env.XDG_CACHE_HOME, 'trit')));
    const record = JSON.parse(readFileSync(result.record, 'utf8')) as { layout: string; for: string };
    assert.equal(record.layout, result.layout);
    assert.match(record.for, /1 threads/);
    const without = tune('--cache', 'off');
    if (/MB are available/.test(without.stderr)) return t.skip(short);
    assert.equal(without.status, 0, without.stderr);
    assert.equal(tune('--missing').stdout, '1 thread: nothing to do, this was measured before\n');
    assert.equal(tune('--missing', '-o', 'json').stdout, '');

    const dense = path.join(folder, 'dense.gguf');
    assert.equal(run(binary, ['quantize', '-i', model, '-o', dense, '--type', 'f16']).status, 0);
    const refused = run(binary, ['tune', '-m', dense]);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /no ternary weights: there is nothing to tune/);
    const passed = run(binary, ['tune', '-m', dense, '--missing', '-t', '1']);
    assert.equal(passed.status, 0, passed.stderr);
    assert.match(passed.stdout, /nothing to do, such a model is not tuned/);
  });
});
