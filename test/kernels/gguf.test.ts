import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { temporaryFolder } from '../support/folder.ts';
import { run, trit } from '../support/trit.ts';

const folder = temporaryFolder('gguf');

let binary = '';
before(async () => {
  binary = await trit();
});

const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: bigint | number) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
const key = (name: string, type: number, ...value: Buffer[]) => Buffer.concat([text(name), u32(type), ...value]);
const tensor = (name: string, shape: (bigint | number)[], type: number, offset: bigint | number) =>
  Buffer.concat([text(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset)]);

interface Parts {
  version?: number;
  keys?: Buffer[];
  tensors?: Buffer[];
  keyCount?: bigint | number;
  tensorCount?: bigint | number;
  data?: number;
}

/** A GGUF of parts that need not fit together: counts may lie, `data` bytes follow at the next multiple of 32. */
function file({ version = 3, keys = [], tensors = [], keyCount = keys.length, tensorCount = tensors.length, data = 0 }: Parts): Buffer {
  const head = Buffer.concat([Buffer.from('GGUF'), u32(version), u64(tensorCount), u64(keyCount), ...keys, ...tensors]);
  return data ? Buffer.concat([head, Buffer.alloc((32 - (head.length % 32)) % 32), Buffer.alloc(data)]) : head;
}

function info(bytes: Buffer) {
  const name = path.join(folder, 'case.gguf');
  writeFileSync(name, bytes);
  return run(binary, ['info', '-m', name, '-o', 'json']);
}

const F32 = 0;
const Q4_0 = 2;
const TQ2_0 = 35;
const I2_S = 36;
const U32 = 4;
const BOOL = 7;
const ARRAY = 9;
const STRING = 8;
const lying = 2n ** 63n;
const arraysOf = (depth: number): Buffer[] => (depth ? [u32(ARRAY), u64(1), ...arraysOf(depth - 1)] : [u32(U32), u64(0)]);

describe('a sound GGUF', () => {
  it('opens in version 2 and 3, with tensors in any order in the file', () => {
    for (const version of [2, 3]) {
      const done = info(
        file({
          version,
          keys: [key('a', U32, u32(5)), key('nested', ARRAY, ...arraysOf(2))],
          tensors: [tensor('second', [32, 2], Q4_0, 64), tensor('first', [4], F32, 0)],
          data: 128,
        }),
      );
      assert.equal(done.status, 0, done.stderr);
      const { keys, tensors } = JSON.parse(done.stdout);
      assert.equal(keys.a, 5);
      assert.deepEqual(
        tensors.map((t: { name: string; bytes: number }) => [t.name, t.bytes]),
        [
          ['second', 36],
          ['first', 16],
        ],
      );
    }
  });

  it('may end right behind the scale of a last I2_S tensor', () => {
    assert.equal(info(file({ tensors: [tensor('t', [128], I2_S, 0)], data: 36 })).status, 0);
    assert.equal(info(file({ tensors: [tensor('t', [128], I2_S, 0)], data: 35 })).status, 1);
  });

  it('of a real size is refused wherever it is cut', () => {
    const name = path.join(folder, 'cut.gguf');
    assert.equal(run(binary, ['synth', '--preset', 'tiny', '-o', name]).status, 0);
    for (const size of [1_100_000, 200_000, 30_000, 5_000, 300, 30, 7, 1]) {
      truncateSync(name, size);
      const done = run(binary, ['info', '-m', name]);
      assert.equal(done.status, 1, `${size} bytes`);
      assert.match(done.stderr, /^trit info: [^\n]+cut\.gguf: [^\n]+\n$/);
    }
  });
});

describe('a lying GGUF', () => {
  const cases: [string, Buffer, RegExp][] = [
    ['nothing', Buffer.alloc(0), /the file is empty/],
    ['text', Buffer.from('hello world'), /not a GGUF file/],
    ['an old version', file({ version: 1 }), /GGUF version 1; this program reads versions 2 and 3/],
    ['another byte order', file({ version: 0x03000000 }), /big-endian/],
    ['more keys than bytes', file({ keyCount: lying }), /promises 9223372036854775808 keys/],
    ['more tensors than bytes', file({ tensorCount: 1000 }), /promises 1000 tensors/],
    ['a string longer than the file', file({ keys: [key('k', STRING, u64(lying))] }), /key k runs past the end/],
    ['an array longer than the file', file({ keys: [key('k', ARRAY, u32(U32), u64(2n ** 62n))] }), /key k runs past the end/],
    ['an endless array of strings', file({ keys: [key('k', ARRAY, u32(STRING), u64(lying))] }), /key k runs past the end/],
    ['deep nesting', file({ keys: [key('k', ARRAY, ...arraysOf(5))] }), /key k nests arrays too deeply/],
    ['a value of unknown type', file({ keys: [key('k', 99, u32(0))] }), /key k has an unknown value type/],
    ['half a boolean', file({ keys: [key('k', BOOL, Buffer.of(2))] }), /key k is a boolean that is neither 0 nor 1/],
    ['a key twice', file({ keys: [key('k', U32, u32(0)), key('k', U32, u32(1))] }), /key k comes twice/],
    ['a crooked alignment', file({ keys: [key('general.alignment', U32, u32(24))] }), /general\.alignment is 24/],
    ['an alignment that is text', file({ keys: [key('general.alignment', STRING, text('x'))] }), /general\.alignment is no positive integer/],
    ['five dimensions', file({ tensors: [tensor('t', [1, 1, 1, 1, 1], F32, 0)], data: 64 }), /tensor t has 5 dimensions/],
    ['no dimension', file({ tensors: [tensor('t', [], F32, 0), tensor('u', [1], F32, 0)], data: 64 }), /tensor t has 0 dimensions/],
    ['a dimension of zero', file({ tensors: [tensor('t', [4, 0], F32, 0)], data: 64 }), /tensor t has a dimension of zero/],
    ['dimensions that overflow', file({ tensors: [tensor('t', [2n ** 40n, 2n ** 40n], F32, 0)], data: 64 }), /tensor t has impossible dimensions/],
    ['an unknown tensor type', file({ tensors: [tensor('t', [4], 9999, 0)], data: 64 }), /tensor t has type 9999/],
    [
      'rows that do not fit blocks',
      file({ tensors: [tensor('t', [100], TQ2_0, 0)], data: 64 }),
      /tensor t: rows of 100 .* 256 weights in a block of tq2_0/,
    ],
    ['a crooked offset', file({ tensors: [tensor('t', [4], F32, 4)], data: 64 }), /tensor t: offset 4 is no multiple of the alignment 32/],
    ['a tensor behind the end', file({ tensors: [tensor('t', [4], F32, 2n ** 63n)], data: 64 }), /tensor t runs past the end/],
    [
      'a tensor over the end',
      file({ tensors: [tensor('t', [64], F32, 0)], data: 64 }),
      /tensor t runs past the end .* needs 256 bytes and 64 are left/,
    ],
    ['tensors on top of each other', file({ tensors: [tensor('t', [16], F32, 0), tensor('u', [4], F32, 32)], data: 64 }), /tensors t and u overlap/],
    ['a tensor twice', file({ tensors: [tensor('t', [4], F32, 0), tensor('t', [4], F32, 32)], data: 64 }), /tensor t comes twice/],
    ['a name for the terminal', file({ keys: [key('\u001b[2Jk', 99, u32(0))] }), /key \?\[2Jk has/],
  ];
  for (const [what, bytes, sentence] of cases)
    it(`with ${what} is refused in one sentence`, () => {
      const done = info(bytes);
      assert.equal(done.status, 1, done.stdout);
      assert.match(done.stderr, sentence);
      assert.equal(done.stderr.trim().split('\n').length, 1);
    });

  it('that is no file at all is refused, too', () => {
    for (const [name, sentence] of [
      [path.join(folder, 'absent.gguf'), /absent\.gguf: No such file/],
      [folder, /not a regular file/],
      ['/dev/zero', /not a regular file/],
    ] as const) {
      const done = run(binary, ['info', '-m', name]);
      assert.equal(done.status, 1);
      assert.match(done.stderr, sentence);
    }
  });
});
