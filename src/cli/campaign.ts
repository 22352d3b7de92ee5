import { randomInt } from 'node:crypto';
import {
  countedPairs,
  isNoise,
  isSameCode,
  judgeMetric,
  type Launch,
  type NewComparison,
  SIDES,
  type Side,
  type SideBuild,
} from '../core/comparison.ts';
import type { Device } from '../core/device.ts';
import { FleetError, reason } from '../core/errors.ts';
import type { MetricName } from '../core/metric.ts';
import { newRunId } from '../core/run.ts';
import type { Store } from '../core/store.ts';
import { INVALID_FLAGS } from '../core/validity.ts';
import { type Judgement, LOOKS, nextLook } from '../core/verdict.ts';
import type { Planned } from './bench_device.ts';

/** Pairs that do not count, after which a comparison is given up. */
const MOST_INVALID = 8;

/** What a campaign needs of its device. */
export interface CampaignLane {
  readonly device: Pick<Device, 'id'>;
  run(plan: Planned): Promise<string>;
}

export interface CampaignOptions {
  store: Store;
  signal: AbortSignal;
  model: string;
  suite: { name: string; version: number };
  metrics: readonly [MetricName, ...MetricName[]];
  epoch: string | null;
  /** Half width of the device's own interval for a metric, or null. */
  noiseOf(name: MetricName): number | null;
  /** Decides which side begins; another one each time where it is not given. */
  seed?: number;
  /** Called after each look. */
  onLook?(judgement: Judgement): void;
}

/**
 * Compares two builds on one device: a discarded launch of each, then pairs of launches until the verdict stands at one of the fixed looks.
 * Two builds that run the same instructions need no launch. Everything is stored as it comes. Returns the comparison's id; rejects where
 * the device is lost, and the comparison ends as failed with what it has.
 */
export async function campaign(lane: CampaignLane, plans: Record<Side, Planned>, options: CampaignOptions): Promise<string> {
  const { store, signal, model, suite, metrics, epoch, seed = randomInt(2 ** 31) } = options;
  const comparison: NewComparison = {
    ...{ id: newRunId(), device: lane.device.id, baseline: sideOf(plans.baseline), candidate: sideOf(plans.candidate) },
    ...{ model, suite: suite.name, suiteVersion: suite.version, threads: plans.baseline.threads, metrics, seed, epoch, started: Date.now() },
  };
  store.createComparison(comparison);
  const end = (status: 'ok' | 'failed' | 'cancelled', message: string | null): string => {
    store.endComparison(comparison.id, status, message);
    return comparison.id;
  };
  if (isSameCode(comparison)) return end('ok', null);
  const launch = async (pair: number, order: readonly Side[]) => {
    for (const side of order) {
      signal.throwIfAborted();
      const run = await lane.run(plans[side]);
      store.addLaunch(comparison.id, pair, side, run);
    }
  };
  try {
    await launch(0, SIDES);
    const judgement = await pairUp(comparison.id, launch, isNoise(comparison) ? [LOOKS[0] as number] : LOOKS, options, seed);
    if (!judgement) return end('failed', invalidSentence(launchesOf(store, comparison.id)));
    return end('ok', judgement.verdict === 'unknown' && !isNoise(comparison) ? `not settled after ${judgement.pairs} pairs, the last look` : null);
  } catch (error) {
    if (signal.aborted) return end('cancelled', 'stopped by Ctrl-C');
    end('failed', reason(error));
    throw error;
  }
}

/** Makes pairs and looks at the fixed numbers of them. Null where invalid pairs were too many. */
async function pairUp(
  id: string,
  launch: (pair: number, order: readonly Side[]) => Promise<void>,
  looks: readonly number[],
  { store, metrics, noiseOf, onLook }: CampaignOptions,
  seed: number,
): Promise<Judgement | null> {
  const [primary] = metrics;
  let judgement: Judgement | null = null;
  let pair = 0;
  for (let look = nextLook(judgement, looks); look !== null; look = nextLook(judgement, looks)) {
    for (;;) {
      const launches = launchesOf(store, id);
      if (countedPairs(launches, primary).length >= look) break;
      if (pair - countedPairs(launches, primary).length >= MOST_INVALID) return null;
      await launch(++pair, orderOf(pair, seed));
    }
    judgement = judgeMetric({ launches: launchesOf(store, id) }, primary, noiseOf(primary)) as Judgement;
    onLook?.(judgement);
  }
  return judgement;
}

function invalidSentence(launches: readonly Launch[]): string {
  const causesOf = ({ status, flags }: Launch['run']) => (status === 'ok' ? flags.filter((flag) => INVALID_FLAGS.includes(flag)) : [status]);
  const causes = [...new Set(launches.flatMap(({ run }) => causesOf(run)))].sort().join(', ');
  return `${MOST_INVALID} pairs had an invalid run (${causes}): fleet show tells each one's evidence; remove the cause and compare again`;
}

function launchesOf(store: Store, id: string) {
  const [comparison] = store.comparisons({ id });
  if (!comparison) throw new FleetError(`comparison ${id} is gone from ${store.path}`);
  return comparison.launches;
}

/** ABBA or BAAB: within two neighbouring pairs each side goes first once, so that a drift weighs on both alike; the seed says which begins. */
export function orderOf(pair: number, seed: number): readonly Side[] {
  const block = Math.floor((pair - 1) / 2);
  const first = (hash(seed, block) & 1) ^ ((pair - 1) & 1);
  return first ? [...SIDES].reverse() : SIDES;
}

/** A well-mixed 32-bit number of two (the finaliser of MurmurHash3). */
function hash(a: number, b: number): number {
  let h = (a ^ Math.imul(b + 1, 0x9e3779b1)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function sideOf({ build }: Planned): SideBuild & { target: string } {
  const { toolchain, flags, sha256, compiler, code, target } = build;
  return { toolchain, flags, sha256, compiler, code, target };
}
