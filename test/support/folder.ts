import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { afterwards } from './afterwards.ts';

/** A new folder of that name among the system's temporary ones. It is removed after the test, or with this process where none is given. */
export function temporaryFolder(name: string, t?: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), `fleet-${name}-`));
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }); // what still writes there gets a moment to end
  if (t) afterwards(t, remove);
  else
    process.once('exit', () => {
      try {
        remove();
      } catch {
        // a folder that is left among the temporary ones makes no test wrong
      }
    });
  return folder;
}
