import { onDevice } from '../core/build.ts';
import type { RunSummary } from '../core/run.ts';
import type { Suite } from '../core/suite.ts';
import type { Model } from '../fleet/model.ts';
import { openStore } from '../store/store.ts';
import type { BenchOptions } from './bench_options.ts';
import type { Context } from './context.ts';
import { type Measured, measure } from './measure.ts';

/** Measures one model after the other on all devices. Runs are in the order in which they began. */
export async function measureModels(
  context: Context,
  options: BenchOptions,
  suite: Suite,
  models: readonly Model[],
  parent?: Model,
): Promise<{ runs: RunSummary[]; failures: Measured['failures']; concerns: Measured['concerns']; stopped: boolean }> {
  const ids: string[] = [];
  const failures: Measured['failures'] = [];
  const concerns: Measured['concerns'] = [];
  let stopped = false;
  for (const model of models) {
    if (models.length > 1) context.say(`fleet: model ${model.name}`);
    const measured = await measure(context, options, {
      ...{ suite, model, parent },
      builds: options.toolchain.map((name) => ({ toolchain: options.build === 'on-device' ? onDevice(name) : name, flags: options.flags ?? '' })),
      runsOn: ({ planned }) => planned.length,
      tasksOn: ({ lane, planned }) => planned.map((plan) => ({ device: lane.device.id, run: () => lane.run(plan) })),
    });
    measured.store.close();
    ids.push(...measured.ids);
    failures.push(...measured.failures);
    concerns.push(...measured.concerns);
    stopped = measured.stopped;
    if (stopped) break;
  }
  const store = openStore(context.db);
  const runs = ids.length > 0 ? store.runs({ id: ids }).reverse() : [];
  store.close();
  return { runs, failures, concerns, stopped };
}
