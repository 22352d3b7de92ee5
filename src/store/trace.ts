import { constants, deflateSync, inflateSync } from 'node:zlib';
import { FleetError } from '../core/errors.ts';

/**
 * A trace as it lies in the column series.data: all times, then all values, each an IEEE 754 double in little-endian order, deflated
 * (zlib, RFC 1950). Doubles go in and come out bit for bit.
 */
export function packTrace(times: readonly number[], values: readonly number[]): Buffer {
  const raw = Buffer.alloc(8 * (times.length + values.length));
  times.forEach((time, i) => void raw.writeDoubleLE(time, 8 * i));
  values.forEach((value, i) => void raw.writeDoubleLE(value, 8 * (times.length + i)));
  return deflateSync(raw, { level: constants.Z_BEST_SPEED });
}

/** Reads a packed trace of known counts; a blob of any other size is refused with a sentence. */
export function unpackTrace(data: Buffer, times: number, values: number): { times: number[]; values: number[] } {
  const bytes = 8 * (times + values);
  let raw: Buffer;
  try {
    raw = inflateSync(data, { maxOutputLength: Math.max(1, bytes) });
  } catch (cause) {
    throw new FleetError('A stored trace is damaged and cannot be unpacked.', { cause });
  }
  if (raw.length !== bytes) throw new FleetError(`A stored trace is damaged: ${raw.length} bytes where ${bytes} were expected.`);
  return { times: doubles(raw, 0, times), values: doubles(raw, times, values) };
}

function doubles(raw: Buffer, first: number, count: number): number[] {
  const view = new DataView(raw.buffer, raw.byteOffset + 8 * first, 8 * count);
  const found = new Array<number>(count);
  for (let i = 0; i < count; i++) found[i] = view.getFloat64(8 * i, true);
  return found;
}
