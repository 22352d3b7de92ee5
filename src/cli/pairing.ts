import type { Side } from '../core/comparison.ts';
import { FleetError } from '../core/errors.ts';
import type { MetricName } from '../core/metric.ts';
import { noiseOf } from '../core/noise.ts';
import type { Store } from '../core/store.ts';
import type { Planned } from './bench_device.ts';
import { type CampaignLane, type CampaignOptions, campaign } from './campaign.ts';
import type { Context } from './context.ts';

export interface PairingOptions extends Pick<CampaignOptions, 'model' | 'suite' | 'signal'> {
  store: Store;
  metrics: readonly [MetricName, ...MetricName[]];
}

const EMULATED =
  'its processor is emulated, so its timings mean nothing and nothing is compared; fleet bench still proves that it computes the right thing';

/** Compares two builds on a device that is ready, in its environment and with its noise, and tells each look. Returns the comparison's id. */
export function compareOn(
  context: Context,
  lane: CampaignLane & { emulated?: boolean },
  plans: Record<Side, Planned>,
  options: PairingOptions,
): Promise<string> {
  if (lane.emulated) return Promise.reject(new FleetError(EMULATED));
  const { store, model, suite, metrics } = options;
  const { id } = lane.device;
  const epoch = store.devices().find((device) => device.id === id)?.epoch ?? null;
  const conditions = { device: id, model, suite: suite.name, threads: plans.baseline.threads, epoch };
  return campaign(lane, plans, {
    ...options,
    epoch,
    noiseOf: (name) => noiseOf(store, conditions, name),
    onLook: ({ pairs, verdict, change }) => context.say(`${id}: after ${pairs} pairs: ${verdict}, ${(100 * change).toFixed(1)} % by ${metrics[0]}`),
  });
}
