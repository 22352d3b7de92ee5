import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { caseOf, type Measure, type Reading } from '../../src/core/contest.ts';
import { type ContestOptions, contest } from '../../src/rivals/contest.ts';
import type { Engine } from '../../src/rivals/engine.ts';
import { measureMemory } from '../../src/rivals/memory.ts';
import { temporaryFolder } from '../support/folder.ts';

const MEASURE: Measure = { value: 20, peak_rss: null, others: null, bytes_per_token: 1e9, model_bytes: null };

/** A contest of one engine whose measurements and readings of memory are noted in their order. */
function field(change: Partial<ContestOptions> = {}) {
  const noted: string[] = [];
  const engine: Engine = {
    ...{ name: 'ours', rival: false, file: 'm.gguf', setting: '' },
    measure: async ({ id }) => {
      noted.push(id);
      return MEASURE;
    },
    logProbabilities: async () => null,
    identity: () => ({ version: null, compiler: null, code_files: [] }),
  };
  const memory = async (threads: number): Promise<Reading> => {
    noted.push(`memory@${threads}`);
    return { cache: 1e6, rates: [{ threads, rate: 1e9 * noted.length }] };
  };
  const options: ContestOptions = {
    ...{ model: 'm', engines: [engine], cases: ['tg8@2', 'pp16@2', 'tg8@1'].map(caseOf), rounds: 2, seed: 1, memory, key: 'k', journal: null },
    ...{ until: Number.POSITIVE_INFINITY, say: (sentence: string) => void noted.push(sentence), ...change },
  };
  return { noted, options, happened: () => noted.filter((line) => !line.includes(' ')) };
}

test('memory is read before each round of decoding, with as many threads', async () => {
  const { options, happened } = field();
  const rounds = await contest(options);
  const each = ['memory@2', 'tg8@2', 'pp16@2', 'memory@1', 'tg8@1'];
  assert.deepEqual(happened(), [...each, ...each]);
  assert.deepEqual(
    rounds.map(({ memory }) => memory?.rates[0]?.threads ?? null),
    [2, null, 1, 2, null, 1],
  );
  assert.equal(new Set(rounds.flatMap(({ memory }) => memory?.rates[0]?.rate ?? [])).size, 4, 'each round has its own reading');
});

test('a reading that fails ends no round, models that need none have none, and an interrupted reading leaves no half round', async () => {
  const broken = field({
    memory: async () => {
      throw new Error('no memory left');
    },
  });
  const rounds = await contest(broken.options);
  assert.deepEqual(new Set(rounds.map(({ memory }) => memory)), new Set([null]));
  assert.equal(rounds.length, 6);
  assert.ok(broken.noted.includes('the memory was not read before tg8@2: no memory left'));
  assert.ok(!(await contest(field({ memory: null }).options)).some(({ memory }) => memory));
  const control = new AbortController();
  const stopped = field({
    signal: control.signal,
    memory: async () => {
      control.abort();
      throw new Error('aborted');
    },
  });
  assert.deepEqual(await contest(stopped.options), []);
  assert.deepEqual(stopped.noted, []);
});

test('a journal keeps the readings; lines of an older one have none', async () => {
  const journal = join(temporaryFolder('contest'), 'journal.ndjson');
  const first = await contest(field({ journal, rounds: 1 }).options);
  const lines = readFileSync(journal, 'utf8').trim().split('\n');
  const { memory, ...old } = JSON.parse(lines[0] as string);
  assert.equal(memory.rates[0].threads, 2);
  const again = field({ journal, rounds: 1 });
  assert.deepEqual(await contest(again.options), first);
  assert.deepEqual(again.happened(), [], 'nothing is measured anew');
  writeFileSync(journal, `${[JSON.stringify(old), ...lines.slice(1)].join('\n')}\n`);
  assert.deepEqual(await contest(field({ journal, rounds: 1 }).options), [{ ...first[0], memory: null }, ...first.slice(1)]);
});

test('what trit tells of the memory is taken, but for that of a cache', async () => {
  const program = join(temporaryFolder('memory'), 'trit');
  const tell = (told: object): void =>
    writeFileSync(program, `#!/bin/sh\n[ "$1 $2 $3" = "kernels --kernel none" ] && echo '${JSON.stringify(told)}'\n`, { mode: 0o755 });
  const bandwidth = [1, 2].map((threads) => ({ threads, gb_per_s: 10 * threads }));
  tell({ cache_bytes: 5, exceeds_cache: true, bandwidth });
  assert.deepEqual(await measureMemory(program, 2), {
    cache: 5,
    rates: [
      { threads: 1, rate: 10e9 },
      { threads: 2, rate: 20e9 },
    ],
  });
  tell({ cache_bytes: 5, exceeds_cache: false, bandwidth });
  assert.deepEqual(await measureMemory(program, 2), { cache: 5, rates: [] });
  await assert.rejects(measureMemory('/bin/false', 1), /trit kernels ended with status 1/);
});
