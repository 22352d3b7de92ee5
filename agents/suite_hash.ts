import { createHash } from 'node:crypto';
import type { Suite } from '../src/core/suite.ts';

/** SHA-256 of everything that a suite asks and how: two runs are of the same suite where it is equal. Titles and known answers do not count. */
export function suiteHash(suite: Suite): string {
  const { title: _title, expected: _expected, ...asked } = suite;
  return createHash('sha256').update(JSON.stringify(asked)).digest('hex');
}
