import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterwards } from './afterwards.ts';

/** What still writes into a folder, such as a browser that was closed, gets so many pauses of so many milliseconds to end. */
const PAUSES = 150;
const PAUSE = 200;

/** A new folder of that name among the system's temporary ones. It is removed after the test, or with this process where none is given. */
export function temporaryFolder(name: string, t?: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), `fleet-${name}-`));
  if (t)
    afterwards(t, async () => {
      for (let left = PAUSES; !removed(folder, left); left--) await sleep(PAUSE);
    });
  else
    process.once('exit', () => {
      for (let left = PAUSES; left > 0 && !removed(folder, left); left--) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
    });
  return folder;
}

/** Whether it is gone; throws why not where it was the last time. The retries of rmSync itself do not look again for what was written meanwhile. */
function removed(folder: string, left: number): boolean {
  try {
    rmSync(folder, { recursive: true, force: true });
    return true;
  } catch (error) {
    if (left === 0) throw error;
    return false;
  }
}
