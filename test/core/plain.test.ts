import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clip, plain, plainJson } from '../../src/core/plain.ts';
import { seeded } from '../support/random.ts';

test('what acts on a terminal becomes visible', () => {
  assert.equal(plain('a\x1b[2Jb'), 'a\\u001b[2Jb');
  assert.equal(plain('a\nb\tc\rd\0'), 'a\\nb\\tc\\u000dd\\u0000');
  assert.equal(plain('\x9b31m'), '\\u009b31m');
  assert.equal(plain('abc\u202edcba'), 'abc\\u202edcba');
  assert.equal(plain('\ud800'), '\\ud800');
  assert.equal(plain('\u{e0041}'), '\\udb40\\udc41');
});

test('ordinary text of any script stays', () => {
  for (const text of ['Raspberry Pi 4 – 8 GB', 'größer', '温度计', 'مرحبا', '🙂', 'e\u0301']) assert.equal(plain(text), text);
});

test('property: nothing active is left, and JSON reads back the same value', () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = seeded(seed);
    const top = [0x20, 0x100, 0x3000, 0x10000][seed % 4] as number;
    const text = String.fromCharCode(...Array.from({ length: 30 }, () => Math.floor(random() * top)));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
    assert.doesNotMatch(plain(text), /[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/);
    const json = plainJson({ [text]: [text] }, seed % 2 ? 2 : undefined);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
    assert.doesNotMatch(json, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/);
    assert.deepEqual(JSON.parse(json), { [text]: [text] });
  }
});

test('clip counts characters, not halves of them', () => {
  assert.equal(clip('🙂🙂🙂', 3), '🙂🙂🙂');
  assert.equal(clip('🙂🙂🙂', 2), '🙂…');
});
