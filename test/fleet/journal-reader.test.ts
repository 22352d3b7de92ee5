import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JournalRecord } from '../../src/core/journal.ts';
import { JournalReader, LIMITS } from '../../src/fleet/journal-reader.ts';

const line = (seq: number, text = `record ${seq}`) => JSON.stringify({ seq, wall: 1, mono: 1, kind: 'log', text });

function reader(afterSeq = 0) {
  const got: JournalRecord[] = [];
  const flags: string[] = [];
  const said: string[] = [];
  const it = new JournalReader('r1', afterSeq, {
    onRecord: (record) => void got.push(record),
    onFlag: (flag, evidence) => void flags.push(`${flag}: ${evidence}`),
    onStatus: (sentence) => void said.push(sentence),
  });
  return { it, got, flags, said, seqs: () => got.map((r) => r.seq) };
}

test('each number goes through once, whatever is sent again', () => {
  const { it, seqs, flags } = reader(2);
  for (const seq of [1, 2, 3, 3, 4, 1, 5]) it.take(line(seq));
  assert.deepEqual(seqs(), [3, 4, 5]);
  assert.deepEqual(flags, []);
});

test('the offset counts bytes, not characters, and goes back over a line that was cut', () => {
  const { it, seqs } = reader();
  const first = line(1, 'grüße ✓');
  const second = line(2);
  it.take(first);
  const offset = 1 + Buffer.byteLength(`${first}\n`);
  assert.equal(it.offset, offset);
  it.take(second.slice(0, 20));
  it.cut();
  assert.equal(it.offset, offset);
  it.take(second);
  assert.deepEqual(seqs(), [1, 2]);
});

test('garbage between records is flagged once it cannot be a torn end, and shown without its control characters', () => {
  const { it, seqs, flags, said } = reader();
  it.take(line(1));
  it.take('\x1b[2Jnonsense');
  assert.deepEqual(flags, []);
  it.take('{"seq":2,"wall":1,"mono":1,"kind":"sample","metric":"invented","value":1}');
  it.take(line(4));
  assert.deepEqual(seqs(), [1, 4]);
  assert.equal(flags.length, 3);
  assert.match(flags[0] ?? '', /journal-damaged: .*"\.\[2Jnonsense"/);
  assert.match(flags[2] ?? '', /records 2 to 3 are missing/);
  assert.ok(said.every((s) => !s.includes('\x1b')));
});

test('numbers that are none, infinities and hostile keys are no records', () => {
  const { it, got, flags } = reader();
  for (const bad of [
    '{"seq":0,"wall":1,"mono":1,"kind":"log","text":""}',
    '{"seq":1.5,"wall":1,"mono":1,"kind":"log","text":""}',
    '{"seq":1e400,"wall":1,"mono":1,"kind":"log","text":""}',
    '{"seq":1,"wall":null,"mono":1,"kind":"log","text":""}',
    '[]',
    'null',
    '"text"',
    '',
    line(1, 'x'.repeat(70_000)),
  ])
    it.take(bad);
  it.take('{"seq":1,"wall":1,"mono":1,"kind":"log","text":"ok","__proto__":{"polluted":true}}');
  assert.equal(got.length, 1);
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  assert.equal(flags.length, 3, 'the first three are told');
});

test('floods are given up: too much garbage, too long a line, another run', () => {
  assert.throws(() => {
    const { it } = reader();
    for (let i = 0; i < LIMITS.garbage + 2; i++) it.take('?');
  }, /run r1: the device sent more than 1000 lines that are no records/);
  assert.throws(() => reader().it.take('x'.repeat(LIMITS.line)), /a line of \d+ bytes; this is no journal/);
  assert.throws(
    () => reader().it.take(JSON.stringify({ seq: 1, wall: 1, mono: 1, kind: 'start', job: 'r2', agent: 'x', pid: 1 })),
    /the journal of run r1 holds run r2/,
  );
});

test('nothing is taken after the end', () => {
  const { it, seqs } = reader();
  it.take(JSON.stringify({ seq: 1, wall: 1, mono: 1, kind: 'end', status: 'ok', message: null }));
  it.take(line(2));
  assert.deepEqual(seqs(), [1]);
  assert.equal(it.end?.status, 'ok');
});
