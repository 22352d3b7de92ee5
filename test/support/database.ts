import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Path of a database in a folder of its own that is removed after the test. */
export function databasePath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-store-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'fleet.db');
}
