import type { TestContext } from 'node:test';

const known = new WeakMap<TestContext, (() => unknown)[]>();

/** Does this after the test, the last one first: what was opened later is closed before what it stands on. Every one is done; the first fault is thrown. */
export function afterwards(t: TestContext, act: () => unknown): void {
  const acts = known.get(t) ?? [];
  acts.push(act);
  if (known.has(t)) return;
  known.set(t, acts);
  t.after(async () => {
    const faults: unknown[] = [];
    for (const next of acts.reverse())
      try {
        await next();
      } catch (fault) {
        faults.push(fault);
      }
    if (faults.length > 0) throw faults[0];
  });
}
