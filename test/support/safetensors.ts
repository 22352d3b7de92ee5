export interface SafeTensor {
  dtype: 'F32' | 'F16' | 'BF16' | 'I64';
  shape: number[];
  values: ArrayLike<number>;
}

/** Bytes of a safetensors file. `lies` replaces parts of the header of some tensors. */
export function safetensorsBytes(tensors: Record<string, SafeTensor>, lies: Record<string, object> = {}): Buffer {
  const header: Record<string, object> = { __metadata__: { format: 'pt' } };
  const data: Buffer[] = [];
  let offset = 0;
  for (const [name, { dtype, shape, values }] of Object.entries(tensors)) {
    const bytes = encode(dtype, values);
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length], ...lies[name] };
    data.push(bytes);
    offset += bytes.length;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...data]);
}

function encode(dtype: SafeTensor['dtype'], values: ArrayLike<number>): Buffer {
  const width = { F32: 4, F16: 2, BF16: 2, I64: 8 }[dtype];
  const bytes = Buffer.alloc(width * values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (dtype === 'F32') bytes.writeFloatLE(value, 4 * i);
    else if (dtype === 'F16') bytes.writeUInt16LE(half(value), 2 * i);
    else if (dtype === 'BF16') bytes.writeUInt16LE(float(value) >>> 16, 2 * i);
  }
  return bytes;
}

function float(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] as number;
}

/** Of a value that half precision holds. */
function half(value: number): number {
  const bits = float(value);
  const exponent = ((bits >>> 23) & 255) - 112;
  const sign = (bits >>> 16) & 0x8000;
  if (exponent > 0) return sign | (exponent << 10) | ((bits >>> 13) & 1023);
  return sign | Math.round(Math.abs(value) * 2 ** 24);
}
