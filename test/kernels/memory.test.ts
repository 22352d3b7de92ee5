import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from '../support/folder.ts';
import { printed, run, trit } from '../support/trit.ts';

/**
 * A model whose file does not fit under a memory cap is packed, loaded and decoded under it. FLEET_MEMORY_MODEL and FLEET_MEMORY_CAP (MB) name
 * another model and cap; for bitnet-2b-4t with a Q6_K head, 900.
 */
const given = process.env.FLEET_MEMORY_MODEL;
const cap = Number(process.env.FLEET_MEMORY_CAP ?? 340) * 1e6;
const context = process.env.FLEET_MEMORY_CONTEXT ?? '1024';

interface Group {
  folder: string;
  limit: string;
}

/** A new cgroup that limits memory, of whichever version; null where this process may not make one. */
function limited(): Group | null {
  const kinds = [
    { root: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes' },
    { root: '/sys/fs/cgroup', limit: 'memory.max' },
  ];
  for (const { root, limit } of kinds) {
    const folder = path.join(root, `trit-test-${process.pid}`);
    try {
      mkdirSync(folder);
    } catch {
      continue;
    }
    if (existsSync(path.join(folder, limit))) return { folder, limit };
    rmdirSync(folder);
  }
  return null;
}

const group = limited();
after(async () => {
  for (let left = 100; group; left--)
    try {
      return rmdirSync(group.folder);
    } catch (error) {
      if (left === 0 || (error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
      await sleep(100); // what ran in it has ended, but the kernel may still have to hear of it
    }
});

describe('under a memory cap', { skip: group ? false : 'needs a writable cgroup with the memory controller (root, cgroup v1 or v2)' }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'memory-'));
  after(() => rmSync(folder, { recursive: true }));
  const model = given ?? path.join(folder, 'model.gguf');
  let binary = '';
  before(async () => {
    binary = await trit();
    writeFileSync(path.join((group as Group).folder, (group as Group).limit), String(cap));
    if (given) return;
    const made = run(binary, ['synth', '--preset', 'tinyllama-1.1b', '--type', 'i2_s', '--head', 'q6_k', '-o', model]);
    assert.equal(made.status, 0, made.stderr);
  });

  /** Two requests; what the page cache holds of the files is given up before, or it would be charged to nobody here. */
  function serve(cache: string) {
    const files = [model, ...readdirSync(cache).map((name) => path.join(cache, name))];
    const script = `for f; do dd if="$f" iflag=nocache count=0 2>/dev/null; done
echo $$ >"$GROUP/cgroup.procs" || exit 77
exec "$TRIT" serve -m "$MODEL" --layout t5 --load mmap --cache "$CACHE" -c ${context} -t 2`;
    const ask = (id: string, n: number) => `${JSON.stringify({ op: 'generate', id, random_tokens: 64, max_tokens: n, ignore_eos: true })}\n`;
    const done = spawnSync('sh', ['-c', script, 'sh', ...files], {
      input: ask('warm', 8) + ask('counted', 16),
      encoding: 'utf8',
      env: { ...process.env, GROUP: (group as Group).folder, TRIT: binary, MODEL: model, CACHE: cache },
    });
    assert.equal(done.status, 0, done.stderr);
    const events = done.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; id?: string; hash?: string; major_faults?: number; peak_rss?: number; load?: string });
    return { ready: events.find((e) => e.event === 'ready'), done: events.find((e) => e.event === 'done' && e.id === 'counted') };
  }

  /** Of three times the first without faults: for the sake of others the system may take a page of ours; of too much for the cap it takes some every time. */
  function undisturbed(cache: string, prepare = () => {}) {
    for (let left = 3; ; left--) {
      prepare();
      const told = serve(cache);
      if (told.done?.major_faults === 0 || left === 1) return told;
    }
  }

  it('packs a model larger than it, and decodes without a page fault from disk', (t) => {
    assert.ok(statSync(model).size > cap || given, 'the file would fit');
    const cache = path.join(folder, 'cache');
    mkdirSync(cache);
    const first = undisturbed(cache, () => {
      for (const name of readdirSync(cache)) rmSync(path.join(cache, name));
    });
    assert.equal(readdirSync(cache).filter((name) => name.endsWith('.t5.trit-cache')).length, 1);
    const second = undisturbed(cache);
    for (const { ready, done } of [first, second]) {
      assert.equal(ready?.load, 'mmap');
      assert.equal(done?.major_faults, 0);
      assert.ok(done?.peak_rss && done.peak_rss < cap, `peak ${done?.peak_rss} bytes`);
      t.diagnostic(`peak rss ${((done?.peak_rss ?? 0) / 1e6).toFixed(0)} MB of ${cap / 1e6}`);
    }
    assert.equal(first.done?.hash, second.done?.hash);
    const events = path.join((group as Group).folder, 'memory.events'); // cgroup v2
    if (existsSync(events)) assert.match(readFileSync(events, 'utf8'), /oom_kill 0/);
  });
});

/** Bytes of the largest tensor of the twin below: less than that must be resident while all of it is read. */
const HEAD = 32002 * 1536 * 2;

/** Runs trit to its end; the most that was seen resident of it, in bytes. */
async function peakOf(binary: string, args: readonly string[]): Promise<number> {
  const child = spawn(binary, args, { stdio: 'ignore' });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  let peak = 0;
  const look = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peak = Math.max(peak, Number(/^VmHWM:\s*(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024);
    } catch {} // it has just ended
  }, 5);
  assert.equal(await ended, 0, args.join(' '));
  clearInterval(look);
  return peak;
}

test('less than the largest tensor is resident while a model is packed, checked and converted', {
  skip: process.platform !== 'linux' && 'needs /proc',
}, async () => {
  const folder = temporaryFolder('packing');
  const model = path.join(folder, 'model.gguf');
  const binary = await trit();
  assert.equal(run(binary, ['synth', '--preset', 'bitnet-large', '--head', 'f16', '-o', model]).status, 0);
  const ask = '{"op":"usage","id":"u"}\n{"op":"quit"}\n';
  const events = () =>
    printed(binary, ['serve', '-m', model, '--load', 'mmap', '--cache', folder, '-c', '64'], ask)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; cache_made?: boolean; peak_rss?: number });
  const [ready, usage] = events();
  assert.equal(ready?.cache_made, true);
  assert.ok(usage?.peak_rss && usage.peak_rss < HEAD, `packing: ${usage?.peak_rss} bytes`);
  const checking = await peakOf(binary, ['check', '-m', model, '--cache', folder]);
  assert.ok(checking < HEAD, `checking: ${checking} bytes`);
  assert.equal(events()[0]?.cache_made, false);
  const converting = await peakOf(binary, ['quantize', '-i', model, '-o', path.join(folder, 'small.gguf'), '--type', 'tq1_0']);
  assert.ok(converting < HEAD, `converting: ${converting} bytes`);
});
