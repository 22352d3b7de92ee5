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
  const numbers = Array.from({ length: times + values }, (_, i) => raw.readDoubleLE(8 * i));
  return { times: numbers.slice(0, times), values: numbers.slice(times) };
}
