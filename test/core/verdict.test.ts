import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { discoveries, type Judgement, judge, LEVEL, LOOKS, nextLook, type Pair } from '../../src/core/verdict.ts';
import { signedRank } from '../../src/core/wilcoxon.ts';
import { normal, seeded } from '../support/random.ts';

/** One comparison as `fleet compare` makes it: pairs until the verdict stands or the last look is over. */
function campaign(draw: () => Pair, threshold: number): Judgement {
  const pairs: Pair[] = [];
  let judgement: Judgement | null = null;
  for (let look = nextLook(null); look !== null; look = nextLook(judgement)) {
    while (pairs.length < look) pairs.push(draw());
    judgement = judge(pairs, 'higher', threshold);
  }
  return judgement as Judgement;
}

/** Verdicts of many campaigns; `noise` is the relative deviation of one launch, `effect` the true change. */
function rates(times: number, effect: number, noise: number, threshold: number, seed: number): Record<string, number> {
  const random = seeded(seed);
  const count: Record<string, number> = { faster: 0, slower: 0, same: 0, unknown: 0 };
  for (let i = 0; i < times; i++) {
    const verdict = campaign(
      () => ({ baseline: Math.exp(noise * normal(random)), candidate: (1 + effect) * Math.exp(noise * normal(random)) }),
      threshold,
    ).verdict;
    count[verdict] = (count[verdict] ?? 0) + 1 / times;
  }
  return count;
}

describe('signed-rank procedure', () => {
  it('agrees with a published example and with R', () => {
    // Depression scores of Hollander and Wolfe (1973): R's wilcox.test(x, y, paired = TRUE, conf.int = TRUE) gives V = 40, p = 0.03906,
    // pseudomedian 0.46, 95 % interval 0.010 to 0.786.
    const x = [1.83, 0.5, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.3];
    const y = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
    const { estimate, interval, p } = signedRank(x.map((value, i) => value - (y[i] as number)));
    assert.ok(Math.abs(p - 0.0390625) < 1e-12, `p ${p}`);
    assert.ok(Math.abs(estimate - 0.46) < 1e-9, `estimate ${estimate}`);
    assert.ok(Math.abs(interval[0] - 0.01) < 1e-9 && Math.abs(interval[1] - 0.786) < 1e-9, `interval ${interval}`);
  });

  it('says nothing where so few pairs cannot reach the level', () => {
    assert.deepEqual(signedRank([1, 2, 3, 4, 5]).interval, [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
    assert.ok(Number.isFinite(signedRank([1, 2, 3, 4, 5, 6]).interval[0]));
    assert.equal(signedRank([0, 0, 0]).p, 1);
    assert.throws(() => signedRank([]), RangeError);
    assert.throws(() => signedRank([1, Number.NaN]), RangeError);
  });

  it('covers the truth as often as it says, at every look', () => {
    const random = seeded(7);
    for (const n of LOOKS) {
      let covered = 0;
      for (let i = 0; i < 2000; i++) {
        const [low, high] = signedRank(
          Array.from({ length: n }, () => normal(random)),
          LEVEL,
        ).interval;
        if (low <= 0 && high >= 0) covered++;
      }
      assert.ok(covered / 2000 >= LEVEL - 0.006, `${n} pairs: ${covered / 2000} of at least ${LEVEL}`);
    }
  });
});

describe('verdict', () => {
  it('calls at most 5 % of A/A comparisons faster or slower', (t) => {
    for (const noise of [0.005, 0.02, 0.05, 0.15]) {
      const { faster = 0, slower = 0, same = 0, unknown = 0 } = rates(2000, 0, noise, 0.02, 11);
      t.diagnostic(
        `A/A, noise ${noise * 100} % a launch: wrong ${((faster + slower) * 100).toFixed(2)} %, same ${(same * 100).toFixed(1)} %, unknown ${(unknown * 100).toFixed(1)} %`,
      );
      assert.ok(faster + slower <= 0.05);
    }
  });

  it('finds a change of 5 % at 2 % noise at least 9 times of 10, and never on the wrong side', (t) => {
    for (const [effect, right, wrong] of [
      [0.05, 'faster', 'slower'],
      [-0.05, 'slower', 'faster'],
    ] as const) {
      const found = rates(2000, effect, 0.02, 0.02, 13);
      t.diagnostic(`change ${effect * 100} %, noise 2 % a launch: ${right} ${((found[right] ?? 0) * 100).toFixed(1)} %`);
      assert.ok((found[right] ?? 0) >= 0.9);
      assert.equal(found[wrong], 0);
    }
  });

  it('calls a change below the threshold neither faster nor slower, and says same when sure', () => {
    const tiny = Array.from({ length: 20 }, (_, i) => ({ baseline: 10, candidate: 10.05 + 0.001 * i }));
    assert.equal(judge(tiny, 'higher', 0.02).verdict, 'same');
    const wide = tiny.map((pair, i) => ({ ...pair, candidate: i % 2 ? 13 : 8 }));
    assert.equal(judge(wide, 'higher', 0.02).verdict, 'unknown');
  });

  it('turns round where less is better, and needs positive values', () => {
    const pairs = Array.from({ length: 8 }, (_, i) => ({ baseline: 1 + i / 1000, candidate: 0.8 }));
    assert.equal(judge(pairs, 'lower', 0.02).verdict, 'faster');
    assert.equal(judge(pairs, 'higher', 0.02).verdict, 'slower');
    assert.throws(() => judge([{ baseline: 0, candidate: 1 }], 'higher', 0.02), RangeError);
  });

  it('looks only at the numbers of pairs that were fixed', () => {
    const unknown = { verdict: 'unknown', pairs: 8 } as Judgement;
    assert.equal(nextLook(null), LOOKS[0]);
    assert.equal(nextLook(unknown), LOOKS[1]);
    assert.equal(nextLook({ ...unknown, pairs: 20 }), null);
    assert.equal(nextLook({ ...unknown, verdict: 'same' }), null);
  });

  it('keeps the false-discovery rate over many comparisons', () => {
    // Benjamini and Hochberg's own example of 15 p-values: four hold at 5 %.
    const example = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1];
    assert.deepEqual(discoveries(example).filter(Boolean).length, 4);
    assert.deepEqual(discoveries([]), []);
    assert.deepEqual(discoveries([0.9, 0.001]), [false, true]);
  });
});
