/**
 * The body of an answer, no more than `most` bytes. Throws a sentence without a full stop where it is longer; the rest is not read.
 */
export async function boundedBody(answer: Response, most: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of answer.body ?? []) {
    size += part.length;
    if (size > most) throw new Error(`it answers with more than ${most} bytes`); // leaving the loop cancels the rest
    parts.push(part);
  }
  return Buffer.concat(parts);
}
