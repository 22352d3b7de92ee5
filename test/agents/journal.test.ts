import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Journal } from '../../agents/journal.ts';
import { temporaryFolder } from '../support/folder.ts';
import { records } from '../support/job.ts';

test('records are numbered from 1 and have both clocks', () => {
  const path = join(temporaryFolder('journal'), 'deep/er/journal.ndjson');
  const journal = Journal.open(path);
  journal.write({ kind: 'log', text: 'one\ntwo' });
  journal.write({ kind: 'end', status: 'ok', message: null });
  journal.close();
  const [first, second] = records(readFileSync(path, 'utf8'));
  assert.equal(first?.kind, 'log');
  assert.ok(Math.abs((first?.wall ?? 0) - Date.now()) < 60_000);
  assert.ok((second?.mono ?? 0) >= (first?.mono ?? 0));
});

test('a torn last record is cut off wherever it was torn, and the numbers go on', () => {
  const path = join(temporaryFolder('journal'), 'journal.ndjson');
  const journal = Journal.open(path);
  journal.write({ kind: 'log', text: 'kept' });
  const whole = statSync(path).size;
  journal.write({ kind: 'log', text: 'torn: ü' });
  journal.close();
  const text = readFileSync(path);
  for (let size = text.length - 1; size >= whole; size--) {
    appendFileSync(path, text.subarray(statSync(path).size));
    truncateSync(path, size);
    const again = Journal.open(path);
    assert.equal(again.seq, 1, `cut at ${size}`);
    assert.equal(statSync(path).size, whole);
    again.close();
  }
  const last = Journal.open(path);
  last.write({ kind: 'log', text: 'after' });
  last.close();
  assert.deepEqual(
    records(readFileSync(path, 'utf8')).map((r) => r.kind === 'log' && r.text),
    ['kept', 'after'],
  );
});

test('garbage at the end is cut off up to the last record', () => {
  const path = join(temporaryFolder('journal'), 'journal.ndjson');
  const journal = Journal.open(path);
  journal.write({ kind: 'log', text: 'kept' });
  journal.close();
  appendFileSync(path, '\0\0\0\0\n{"seq":2}\nhalf');
  const again = Journal.open(path);
  assert.equal(again.seq, 1);
  again.close();
  assert.equal(records(readFileSync(path, 'utf8')).length, 1);
});

test('what the disk does not take leaves whole records and a sentence', () => {
  const journal = Journal.open(join(temporaryFolder('journal'), 'journal.ndjson'));
  journal.write({ kind: 'log', text: 'kept' });
  journal.close();
  assert.throws(() => journal.write({ kind: 'log', text: 'no' }), /journal\.ndjson cannot be written/);
});
