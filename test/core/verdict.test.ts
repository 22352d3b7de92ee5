import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { orderOf } from '../../src/cli/campaign.ts';
import { discoveries, type Judgement, judge, LEVEL, LOOKS, nextLook, type Pair, type Verdict } from '../../src/core/verdict.ts';
import { signedRank } from '../../src/core/wilcoxon.ts';
import { normal, seeded } from '../support/random.ts';

/** One comparison as `fleet compare` makes it: pairs until the verdict stands or the last look is over. `floor` is the noise of the device. */
function campaign(draw: () => Pair, threshold: number, floor: number | null = null): Judgement {
  const pairs: Pair[] = [];
  let judgement: Judgement | null = null;
  for (let look = nextLook(null); look !== null; look = nextLook(judgement)) {
    while (pairs.length < look) pairs.push(draw());
    judgement = judge(pairs, 'higher', threshold, floor);
  }
  return judgement as Judgement;
}

/** A device as it is made up. */
interface Made {
  /** True change. */
  effect: number;
  /** Relative deviation of one launch. */
  noise: number;
  /** Relative change from each launch to the next: a device that warms up. */
  drift?: number;
  /** Share of launches that are a fifth slower, for reasons nobody sees. */
  strays?: number;
  /** It has been compared with itself first, with the pairs of the first look. */
  floored?: boolean;
}

const THRESHOLD = 0.02;
const TIMES = 2000;

/** Verdicts of many comparisons on such devices, each with its own order of launches. */
function rates({ effect, noise, drift = 0, strays = 0, floored = false }: Made, seed: number): Record<Verdict, number> {
  const random = seeded(seed);
  const count: Record<Verdict, number> = { faster: 0, slower: 0, same: 0, unknown: 0 };
  const launches = (factor: number) => {
    const order = Math.floor(2 ** 31 * random());
    let [pair, launch] = [0, 0];
    return (): Pair => {
      const one = { baseline: 0, candidate: 0 };
      for (const side of orderOf(++pair, order)) {
        const speed = (1 + drift) ** launch++ * Math.exp(noise * normal(random)) * (random() < strays ? 0.8 : 1);
        one[side] = speed * (side === 'candidate' ? factor : 1);
      }
      return one;
    };
  };
  const halfWidth = () => {
    const draw = launches(1);
    const { interval } = judge(Array.from({ length: LOOKS[0] as number }, draw), 'higher', THRESHOLD);
    return ((interval[1] as number) - (interval[0] as number)) / 2;
  };
  for (let i = 0; i < TIMES; i++) count[campaign(launches(1 + effect), THRESHOLD, floored ? halfWidth() : null).verdict] += 1 / TIMES;
  return count;
}

/** For the report: FLEET_TABLE=FILE writes it. */
const table: string[][] = [];
const per = (share: number) => `${(share * 100).toFixed(2)} %`;

function told(name: string, { faster, slower, same, unknown }: Record<Verdict, number>): string {
  table.push([name, ...[faster, slower, same, unknown].map(per)]);
  return `${name}: faster ${per(faster)}, slower ${per(slower)}, same ${per(same)}, unknown ${per(unknown)}`;
}

after(() => {
  if (process.env.FLEET_TABLE) writeFileSync(process.env.FLEET_TABLE, report());
});

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
  for (const [name, made] of [
    ['noise 0.5 % a launch', { noise: 0.005 }],
    ['noise 2 %', { noise: 0.02 }],
    ['noise 2 %, compared with itself first', { noise: 0.02, floored: true }],
    ['noise 5 %', { noise: 0.05 }],
    ['noise 15 %', { noise: 0.15 }],
    ['noise 1 %, each launch 0.3 % slower than the one before', { noise: 0.01, drift: -0.003 }],
    ['noise 2 %, one launch in twenty a fifth slower', { noise: 0.02, strays: 0.05 }],
  ] as const)
    it(`calls at most 5 % of A/A comparisons faster or slower: ${name}`, (t) => {
      const found = rates({ effect: 0, ...made }, 11);
      t.diagnostic(told(`A/A, ${name}`, found));
      assert.ok(found.faster + found.slower <= 0.05);
    });

  for (const [effect, right, wrong] of [
    [0.05, 'faster', 'slower'],
    [-0.05, 'slower', 'faster'],
  ] as const)
    for (const floored of [false, true])
      it(`finds a change of ${100 * effect} % at 2 % noise at least 9 times of 10, and never on the wrong side${floored ? ', also where the noise is known' : ''}`, (t) => {
        const found = rates({ effect, noise: 0.02, floored }, 13);
        t.diagnostic(told(`change ${100 * effect} %, noise 2 %${floored ? ', compared with itself first' : ''}`, found));
        assert.ok(found[right] >= 0.9);
        assert.equal(found[wrong], 0);
      });

  it('calls a change below the threshold neither faster nor slower, and says same when sure', () => {
    const tiny = Array.from({ length: 20 }, (_, i) => ({ baseline: 10, candidate: 10.05 + 0.001 * i }));
    assert.equal(judge(tiny, 'higher', 0.02).verdict, 'same');
    const wide = tiny.map((pair, i) => ({ ...pair, candidate: i % 2 ? 13 : 8 }));
    assert.equal(judge(wide, 'higher', 0.02).verdict, 'unknown');
    assert.equal(judge(wide, 'higher', 0.02, 5).verdict, 'unknown', 'a noisy device never shows that two builds are the same');
  });

  it('counts no change that the noise of the device hides; more pairs hide less', () => {
    const pairs = Array.from({ length: 20 }, (_, i) => ({ baseline: 10, candidate: 10.5 + 0.001 * i }));
    const judged = (count: number, noise: number | null) => judge(pairs.slice(0, count), 'higher', 0.02, noise);
    assert.deepEqual([judged(8, null).verdict, judged(8, 0.06).verdict, judged(20, 0.06).verdict], ['faster', 'unknown', 'faster']);
    assert.deepEqual([judged(8, 0.06).threshold, judged(8, 0.001).threshold], [0.06, 0.02]);
    assert.ok(Math.abs(judged(20, 0.06).threshold - 0.06 * Math.sqrt(8 / 20)) < 1e-12);
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

function report(): string {
  const lines = table.map((row) => `| ${row.join(' | ')} |`);
  return `# How often is a verdict wrong?

Made by \`npm run bench:verdicts\` (\`test/core/verdict.test.ts\`): ${TIMES} comparisons a row of made-up launches (seeded), judged as \`fleet compare\` judges: ABBA or BAAB from a random start, looks
at ${LOOKS.join(', ')} pairs, exact signed-rank interval at ${per(LEVEL)}, least change that counts ${per(THRESHOLD)}. In a row of "A/A" both sides are the same, so that faster and slower are wrong: at most
5 %. "Compared with itself first": the noise that a made-up \`fleet compare --noise\` found raises what counts.

| launches | faster | slower | same | unknown |
| :-- | --: | --: | --: | --: |
${lines.join('\n')}
`;
}
