import type { Readable } from 'node:stream';

/** Most that one exec may write to stdout or stderr, in bytes: a device that floods is stopped, not swallowed. */
export const OUTPUT_LIMIT = 16 * 2 ** 20;

/** Gathers a stream up to the limit; calls `flood` once when it is passed, and drops the rest. */
export function collect(source: Readable, flood: () => void): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  source.on('data', (chunk: Buffer) => {
    const before = bytes;
    bytes += chunk.length;
    if (bytes <= OUTPUT_LIMIT) chunks.push(chunk);
    else if (before <= OUTPUT_LIMIT) flood();
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
