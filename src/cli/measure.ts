import { type BuildSpec, nameOnDevice, TARGETS } from '../core/build.ts';
import { FleetError, StoreError } from '../core/errors.ts';
import { plain } from '../core/plain.ts';
import type { Store } from '../core/store.ts';
import type { Suite } from '../core/suite.ts';
import { flagsOf } from '../fleet/flag_sets.ts';
import { loadInventory, resolveDevices } from '../fleet/inventory.ts';
import type { Model } from '../fleet/model.ts';
import { schedule, type Task } from '../fleet/schedule.ts';
import { findToolchain } from '../fleet/toolchains.ts';
import { openStore } from '../store/store.ts';
import { type Bench, BenchDevice, type Planned, type Wanted } from './bench_device.ts';
import type { Context } from './context.ts';
import { Failures } from './failures.ts';
import { Interrupt } from './interrupt.ts';
import { Progress } from './progress.ts';

/** A device that is ready: its runs can begin. */
export interface Ready {
  lane: BenchDevice;
  planned: Planned[];
}

/** What a measuring command wants done. */
export interface Work {
  model: Model;
  /** What its quality is held against. */
  parent?: Model;
  suite: Suite;
  builds: readonly Wanted[];
  /** Most runs on a ready device. */
  runsOn(ready: Ready): number;
  /** Its tasks, one after another. */
  tasksOn(ready: Ready, shared: { store: Store; signal: AbortSignal }): Task<unknown>[];
}

export interface Measured {
  /** Still open. */
  store: Store;
  /** Runs in the order in which they began. */
  ids: string[];
  failures: Failures['list'];
  /** What may spoil the figures of a device. */
  concerns: Failures['list'];
  /** Ctrl-C came. */
  stopped: boolean;
}

/** Prepares every device, then measures on all of them, side by side; what a device does wrong ends in `failures`. The caller closes the store. */
export async function measure(context: Context, options: Bench['options'], work: Work): Promise<Measured> {
  const devices = resolveDevices(await loadInventory(context.devices), options.device);
  for (const { toolchain, flags } of work.builds) {
    findToolchain(nameOnDevice(toolchain) ?? toolchain);
    flagsOf(flags, TARGETS[0]);
  }
  const store = openStore(context.db);
  const interrupt = new Interrupt('stopping; what was measured is kept (Ctrl-C again leaves at once, the next call fetches the rest)');
  const { signal } = interrupt;
  const progress = new Progress(work.suite);
  const failures = new Failures(context);
  const ids: string[] = [];
  const concerns: Failures['list'] = [];
  const shared: Bench = {
    ...{ context, options, store, model: work.model, parent: work.parent, suite: work.suite, builds: work.builds, signal },
    onStep: (device, text) => progress.step(device, plain(text)),
    onConcern(device, message) {
      concerns.push({ device, message });
      context.say(plain(`${device}: ${message}`));
    },
    onBegin(run, device, label) {
      ids.push(run);
      progress.run(run, device, label);
    },
    onRecord: (run, device, record) => progress.record(run, device, record),
  };
  const lanes = devices.map((device) => new BenchDevice(device, shared));
  try {
    // Nothing is timed while compilers run here: first all devices are prepared, then all are measured.
    const ready = await interrupt.race(prepareAll(lanes, { failures, ids, builds: work.builds, signal }));
    const tasks = ready.flatMap((one) => work.tasksOn(one, { store, signal }));
    if (tasks.length > 0) {
      progress.begin(new Map(ready.map((one) => [one.lane.device.id, work.runsOn(one)])));
      await schedule(tasks, { signal, onSettled: ({ device }, outcome) => outcome.status === 'failed' && failures.add(device, outcome.error) });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    progress.end();
    interrupt.release();
    await Promise.all(lanes.map((lane) => lane.close()));
  }
  return { store, ids, failures: failures.list, concerns, stopped: signal.aborted };
}

interface Preparing {
  failures: Failures;
  /** Takes the ids of the runs that will not begin. */
  ids: string[];
  builds: readonly BuildSpec[];
  signal: AbortSignal;
}

async function prepareAll(lanes: readonly BenchDevice[], { failures, ids, builds, signal }: Preparing): Promise<Ready[]> {
  const outcomes = await schedule(
    lanes.map((lane) => ({ device: lane.device.id, run: async () => ({ lane, ...(await lane.prepare()) }) })),
    { signal },
  );
  return outcomes.flatMap((outcome, index) => {
    const lane = lanes[index] as BenchDevice;
    const failed = (error: unknown, specs: readonly BuildSpec[]) => {
      const message = failures.add(lane.device.id, error);
      if (!(error instanceof StoreError) && !signal.aborted) ids.push(...lane.unbegun(specs, message));
    };
    if (outcome.status === 'failed') failed(outcome.error, builds);
    if (outcome.status !== 'done') return [];
    for (const { spec, message } of outcome.value.failures) failed(new FleetError(message), [spec]);
    return [outcome.value];
  });
}
