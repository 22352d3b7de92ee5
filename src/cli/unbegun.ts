import { type BuildSpec, unbuilt } from '../core/build.ts';
import { type Device, isEmulated } from '../core/device.ts';
import type { Facts } from '../core/facts.ts';
import { newRunId } from '../core/run.ts';
import type { Store } from '../core/store.ts';
import type { Suite } from '../core/suite.ts';
import { targetOrNull } from '../fleet/target.ts';
import { fastCores } from './preflight.ts';

/** What a run that never began was to be. */
export interface Unbegun {
  store: Store;
  device: Device;
  /** Of the device in this call; null: it was not reached. */
  facts: Facts | null;
  spec: BuildSpec;
  model: string;
  suite: Pick<Suite, 'name' | 'version'>;
  /** As asked for; none: one for each fast core. */
  threads: readonly number[] | undefined;
  cpus: string | null;
}

/**
 * A failed run is a row, also where its device was never reached: one for each number of threads. What the device was when it was last
 * reached tells for what it would have been built. Returns the ids.
 */
export function storeUnbegun({ store, device, facts, spec, model, suite, threads, cpus }: Unbegun, message: string): string[] {
  const known = facts ?? store.devices().find(({ id }) => id === device.id)?.facts ?? null;
  return (threads ?? [known ? fastCores(known, cpus) : 0]).map((count) => {
    const id = newRunId();
    store.createRun({
      ...{ id, device: device.id, toolchain: spec.toolchain, build: unbuilt(spec, known && targetOrNull(known)), model, suite: suite.name },
      ...{ suiteVersion: suite.version, threads: count, cpus, emulated: isEmulated(device, known), facts, journal: null, started: Date.now() },
    });
    store.finish(id, 'failed', message);
    return id;
  });
}
