/** One value of a GGUF key, tagged with its type; arrays name the type of their items. */
export type GgufValue =
  | { u32: number }
  | { f32: number }
  | { bool: boolean }
  | { text: string }
  | { texts: readonly string[] }
  | { i32s: readonly number[] }
  | { f32s: readonly number[] };

/** A tensor of F32: [rows][width], or [width] where rows is 1. */
export interface GgufTensor {
  width: number;
  rows: number;
  values: ArrayLike<number>;
}

/** Bytes of a GGUF v3 file: a vocabulary or a model of F32 tensors, sound or lying. */
export function ggufBytes(keys: Record<string, GgufValue>, tensors: Record<string, GgufTensor> = {}): Buffer {
  const entries = Object.entries(keys);
  const matrices = Object.entries(tensors);
  let offset = 0;
  const head = [
    Buffer.from('GGUF'),
    u32(3),
    u64(matrices.length),
    u64(entries.length),
    ...entries.flatMap(([key, value]) => [text(key), ...encode(value)]),
  ];
  for (const [name, { width, rows }] of matrices) {
    const shape = rows > 1 ? [width, rows] : [width];
    head.push(text(name), u32(shape.length), ...shape.map(u64), u32(0), u64(offset));
    offset += padded(4 * width * rows);
  }
  const description = Buffer.concat(head);
  if (!matrices.length) return description;
  const data = matrices.map(([, { values }]) => {
    const bytes = Buffer.alloc(padded(4 * values.length));
    for (let i = 0; i < values.length; i++) bytes.writeFloatLE(values[i] as number, 4 * i);
    return bytes;
  });
  return Buffer.concat([description, Buffer.alloc(padded(description.length) - description.length), ...data]);
}

/** Sizes are rounded up to the alignment of the format, 32 bytes. */
function padded(bytes: number): number {
  return Math.ceil(bytes / 32) * 32;
}

function encode(value: GgufValue): Buffer[] {
  if ('u32' in value) return [u32(4), u32(value.u32)];
  if ('f32' in value) return [u32(6), f32(value.f32)];
  if ('bool' in value) return [u32(7), Buffer.from([Number(value.bool)])];
  if ('text' in value) return [u32(8), text(value.text)];
  if ('texts' in value) return [u32(9), u32(8), u64(value.texts.length), ...value.texts.map(text)];
  if ('i32s' in value) return [u32(9), u32(5), u64(value.i32s.length), ...value.i32s.map(i32)];
  return [u32(9), u32(6), u64(value.f32s.length), ...value.f32s.map(f32)];
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}
