import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeHost } from '../../agents/hosts/node.ts';
import { runJob } from '../../agents/job.ts';
import { Journal } from '../../agents/journal.ts';
import type { Job } from '../../src/core/job.ts';
import type { JournalRecord } from '../../src/core/journal.ts';
import { Suite } from '../../src/core/suite.ts';
import { loadSuite } from '../../src/fleet/suite.ts';
import { temporaryFolder } from '../support/folder.ts';
import { realJob, records } from '../support/job.ts';
import { run, trit } from '../support/trit.ts';

const base = { version: 1, title: 'for tests', model: 'tiny', warmup: 0, repetitions: 1 };

/** Runs a suite with the real engine and the tiny twin. */
async function runs(suite: object, change: Partial<Job> = {}): Promise<{ list: JournalRecord[]; workdir: string; message: string | null }> {
  const workdir = temporaryFolder('suite');
  const job = realJob(await trit(), workdir, Suite.parse({ ...base, name: 'mine', prompts: [], ...suite }), { timeout: 300, ...change });
  const path = join(workdir, 'journal.ndjson');
  const journal = Journal.open(path);
  await runJob(nodeHost, job, journal, new AbortController().signal);
  journal.close();
  const list = records(readFileSync(path, 'utf8'));
  const end = list.at(-1);
  return { list, workdir, message: end?.kind === 'end' ? end.message : 'no end' };
}

const samples = (list: readonly JournalRecord[], metric: string) => list.flatMap((r) => (r.kind === 'sample' && r.metric === metric ? [r] : []));
const outputs = (list: readonly JournalRecord[]) => list.flatMap((r) => (r.kind === 'output' ? [r] : []));

test('a conversation: each turn stands behind what the model said, and is the same as if all were read anew', async () => {
  const turns = ['Good morning.', 'What is that?', 'Why?'];
  const { list, message } = await runs({ prompts: [{ id: 'talk', turns, max_tokens: 6 }], repetitions: 2 });
  assert.equal(message, null);
  assert.deepEqual(
    outputs(list).map(({ prompt, repetition }) => [prompt, repetition]),
    [0, 1].flatMap((repetition) => [1, 2, 3].map((turn) => [`talk.${turn}`, repetition])),
  );
  const said = outputs(list).map(({ text }) => text);
  const messages = turns.slice(0, 2).flatMap((content, i) => [
    { role: 'user' as const, content },
    { role: 'assistant' as const, content: said[i] as string },
  ]);
  const anew = await runs({ prompts: [{ id: 'all', messages: [...messages, { role: 'user', content: turns[2] as string }], max_tokens: 6 }] });
  assert.equal(outputs(anew.list)[0]?.hash, outputs(list)[2]?.hash);
});

test('a kept system message: built once, found by every launch, measured, and gone afterwards', async () => {
  const system = Array.from({ length: 60 }, (_, i) => JSON.stringify({ entry: i, plant: 'bean', note: 'water at the roots' }));
  const prompts = [{ id: 'ask', messages: [{ role: 'user', content: 'When?' }], max_tokens: 4, temperature: 0.8, top_k: 40, top_p: 0.95 }];
  const kept = await runs({ system, system_tokens: 400, prompt_cache: true, kv: 'q8_0', launches: 2, prompts });
  assert.equal(kept.message, null);
  const told = kept.list.flatMap((r) => (r.kind === 'log' ? [r.text] : [])).join('\n');
  const [, parts, tokens] = /system message: (\d+) of 60 parts, (\d+) tokens/.exec(told) ?? [];
  assert.ok(Number(parts) > 0 && Number(parts) < 60 && Number(tokens) <= 400 && Number(tokens) > 300, told);
  for (const [metric, count] of [
    ['start_time', 2],
    ['prompt_cache_time', 1],
    ['prompt_cache_bytes', 1],
    ['disk_bytes', 2],
  ] as const)
    assert.equal(samples(kept.list, metric).length, count, metric);
  const bytes = samples(kept.list, 'prompt_cache_bytes')[0]?.value ?? 0;
  assert.ok(samples(kept.list, 'disk_bytes').every(({ value }) => value > bytes));
  assert.deepEqual(existsSync(join(kept.workdir, 'prompts')) ? readdirSync(join(kept.workdir, 'prompts')) : [], []);
  const plain = await runs({ system, system_tokens: 400, kv: 'q8_0', prompts });
  assert.equal(outputs(plain.list)[0]?.hash, outputs(kept.list)[0]?.hash, 'the same seed says the same with and without the file');
});

test('several sequences at once: a sample for each number and repetition', async () => {
  const { list, message } = await runs({
    ...{ prompts: [{ id: 'one', random_tokens: 8, max_tokens: 4 }], repetitions: 2 },
    parallel: { sequences: [1, 3], tokens: 8, depth: 4 },
  });
  assert.equal(message, null);
  assert.deepEqual(
    samples(list, 'throughput_rate').map(({ prompt, repetition, value }) => [prompt, repetition, value > 0]),
    [1, 3].flatMap((n) => [0, 1].map((repetition) => [`parallel-${n}`, repetition, true])),
  );
});

test('what a model must say stands in the suite: another answer is wrong output', async () => {
  const prompt = { id: 'words', text: 'The old lighthouse keeper', max_tokens: 8 };
  const [said] = outputs((await runs({ prompts: [prompt] })).list);
  const right = await runs({ prompts: [prompt], expected: { tiny: { words: said?.text.slice(0, 5) } } });
  assert.equal(right.message, null);
  const wrong = await runs({ prompts: [prompt], expected: { tiny: { words: 'something else' } } });
  assert.match(wrong.message ?? '', /prompt words: .* said ".*", and tiny must begin with "something else"/);
  assert.ok(wrong.list.some((r) => r.kind === 'flag' && r.flag === 'wrong-output'));
});

test('quality: perplexity as trit tells it, and the share of right choices', async () => {
  const { evaluation } = loadSuite('eval');
  const choices = evaluation?.choices.slice(0, 3) ?? [];
  const { list, message } = await runs({ evaluation: { ...evaluation, documents: evaluation?.documents.slice(0, 2), choices } });
  assert.equal(message, null);
  const value = (metric: string) => samples(list, metric)[0]?.value ?? Number.NaN;
  assert.ok(value('perplexity') > 1);
  assert.ok([0, 1, 2, 3].some((right) => Math.abs(value('choice_accuracy') - right / 3) < 1e-9));
  assert.equal(samples(list, 'decode_rate').length, 0, 'nothing is timed');
});

test('quality beside a parent: a model agrees with itself, and less with a coarser one', async () => {
  const { evaluation } = loadSuite('eval');
  const of = async (type: string) => {
    const workdir = temporaryFolder('parent');
    const path = join(workdir, 'parent.gguf');
    assert.equal(run(await trit(), ['synth', '--preset', 'tiny', '--type', 'i2_s', '--head', type, '-o', path]).status, 0);
    const documents = evaluation?.documents.slice(0, 1);
    return runs({ evaluation: { ...evaluation, documents, choices: [] } }, { parent: { name: type, path, sha256: null, synth: null } });
  };
  const [same, other] = [await of('f16'), await of('q4_0')];
  for (const { message } of [same, other]) assert.equal(message, null);
  const value = (list: readonly JournalRecord[], metric: string) => samples(list, metric)[0]?.value ?? Number.NaN;
  assert.deepEqual([value(same.list, 'top1_agreement'), value(same.list, 'kl_divergence')], [1, 0]);
  assert.ok(value(other.list, 'kl_divergence') > 0 && value(other.list, 'top1_agreement') < 1);
});
