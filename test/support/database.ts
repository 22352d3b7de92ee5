import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Store } from '../../src/core/store.ts';
import { openStore } from '../../src/store/store.ts';
import { afterwards } from './afterwards.ts';
import { temporaryFolder } from './folder.ts';

/** Path of a database in a folder of its own that is removed after the test. */
export function databasePath(t: TestContext): string {
  return join(temporaryFolder('store', t), 'fleet.db');
}

/** An empty store that is closed after the test. */
export function freshStore(t: TestContext): Store {
  const store = openStore(databasePath(t));
  afterwards(t, () => store.close());
  return store;
}
