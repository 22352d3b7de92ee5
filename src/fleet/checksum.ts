import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** SHA-256 of a file here, or of its first `bytes` bytes. */
export async function sha256Of(path: string, bytes?: number): Promise<string> {
  const hash = createHash('sha256');
  if (bytes !== 0) for await (const chunk of createReadStream(path, bytes === undefined ? {} : { end: bytes - 1 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
