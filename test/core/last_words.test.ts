import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastLine, lastWords } from '../../src/core/last_words.ts';

test('the last line is what a program says before it ends', () => {
  assert.equal(lastLine('loading\ntrit: no such file\n\n'), 'trit: no such file');
  assert.equal(lastLine(' \n'), '');
  assert.equal(lastLine(`short\n${'x'.repeat(10_000)}`).length, 500);
});

test('a program that said nothing has its status', () => {
  assert.equal(lastWords('it is full\n', 1), 'it is full');
  assert.equal(lastWords('\n', 127), 'status 127');
  assert.equal(lastWords('', null), 'status null');
});
