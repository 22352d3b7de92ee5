import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from './folder.ts';

/** Path of a database in a folder of its own that is removed after the test. */
export function databasePath(t: TestContext): string {
  return join(temporaryFolder('store', t), 'fleet.db');
}
