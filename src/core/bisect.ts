/** What a step turned out to be: as fast as the first one, slower, or not to be told (it does not build, computes wrong, was not settled). */
export type StepOutcome = 'good' | 'bad' | 'skip';

/** The change came after step `good` and at the latest with step `bad`; steps between them could not be told. */
export interface Found {
  good: number;
  bad: number;
}

/**
 * Halves a row of steps, of which the first is known to be good and the last to be bad, until the good and the bad one are neighbours or
 * only skipped ones lie between. `test` is asked once a step, in the order of need. Throws a RangeError for fewer than two steps.
 */
export async function bisect(steps: number, test: (step: number) => Promise<StepOutcome>): Promise<Found> {
  if (steps < 2) throw new RangeError('a bisection needs a good and a bad step');
  let [good, bad] = [0, steps - 1];
  const skipped = new Set<number>();
  for (;;) {
    const next = nextStep(good, bad, skipped);
    if (next === null) return { good, bad };
    const outcome = await test(next);
    if (outcome === 'good') good = next;
    else if (outcome === 'bad') bad = next;
    else skipped.add(next);
  }
}

/** The step nearest to the middle that was not skipped. */
function nextStep(good: number, bad: number, skipped: ReadonlySet<number>): number | null {
  const middle = (good + bad) / 2;
  let best: number | null = null;
  for (let step = good + 1; step < bad; step++) {
    if (!skipped.has(step) && (best === null || Math.abs(step - middle) < Math.abs(best - middle))) best = step;
  }
  return best;
}
