import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';

/** One array of an .npz: its shape, its numpy type (`|i1`, `<f2`, `<f4`, `<U661`) and its raw bytes. */
export interface NpyArray {
  shape: number[];
  type: string;
  bytes: Buffer;
}

/** The arrays of an .npz file (a zip of .npy files) by name. */
export function readNpz(path: string): Map<string, NpyArray> {
  const zip = readFileSync(path);
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06'));
  const arrays = new Map<string, NpyArray>();
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const method = zip.readUInt16LE(at + 10);
    const packed = zip.readUInt32LE(at + 20);
    const nameLength = zip.readUInt16LE(at + 28);
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
    const local = zip.readUInt32LE(at + 42);
    const begin = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const data = zip.subarray(begin, begin + packed);
    arrays.set(name.replace(/\.npy$/, ''), parseNpy(method === 8 ? inflateRawSync(data) : data));
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return arrays;
}

function parseNpy(bytes: Buffer): NpyArray {
  const length = bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, 10 + length);
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '').split(',').filter((n) => n.trim() !== '');
  return { shape: shape.map(Number), type: /'descr': '([^']*)'/.exec(header)?.[1] ?? '', bytes: bytes.subarray(10 + length) };
}
