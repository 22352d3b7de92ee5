import { FleetError, reason } from '../core/errors.ts';
import { groupsBy } from '../core/groups.ts';
import type { HistorySeries } from '../core/history.ts';
import type { MetricName } from '../core/metric.ts';
import { plain } from '../core/plain.ts';
import { isValid } from '../core/validity.ts';
import { findModel } from '../fleet/model.ts';
import { loadSuite, SUITE_NAMES } from '../fleet/suite.ts';
import { openStore } from '../store/store.ts';
import type { HistoryOptions } from './bench_options.ts';
import { binaryOf } from './binary.ts';
import type { Context } from './context.ts';
import { measure } from './measure.ts';

/** A run to be made again: the newest of a series whose last change nobody has confirmed. */
interface Rerun {
  run: string;
  metric: MetricName;
  series: HistorySeries;
}

/** Runs that could tell whether a change stays: only the last change of the newest epoch can still be seen. */
export function wanted(series: readonly HistorySeries[]): Rerun[] {
  return series.flatMap((one) => {
    const epoch = one.epochs.find(({ changes }) => changes.some(({ last, status }) => last && status === 'unconfirmed'));
    const run = epoch?.points.at(-1)?.run;
    return run === undefined ? [] : [{ run, metric: one.metric, series: one }];
  });
}

/** Makes one run for each change point that is not confirmed, with the same binary under the same conditions. False where one could not be made. */
export async function confirmChanges(context: Context, series: readonly HistorySeries[], options: HistoryOptions): Promise<boolean> {
  const reruns = groupsBy(wanted(series), ({ run }) => run);
  if (reruns.length === 0) context.say('fleet: no change point waits for a rerun.');
  let good = true;
  for (const group of reruns) {
    const [{ run, series: one }] = group;
    const title = `${one.device}, ${one.model}, suite ${one.suite}, ${one.build}`;
    context.say(`fleet: ${plain(title)}: measuring once more (${group.map(({ metric }) => metric).join(', ')})`);
    try {
      const made = await again(context, run, one, options);
      const store = openStore(context.db);
      for (const { metric } of group) store.addRerun(made, metric);
      store.close();
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      context.say(`fleet: ${plain(title)}: not confirmed: ${plain(reason(error))}`);
      good = false;
    }
  }
  return good;
}

/** Id of a new run like that one. Throws a FleetError where it cannot be made alike or ended badly. */
async function again(context: Context, id: string, series: HistorySeries, options: HistoryOptions): Promise<string> {
  const { device, threads, cpus } = series;
  const store = openStore(context.db, { readonly: true });
  const [run] = store.history({ id });
  store.close();
  if (!run) throw new FleetError(`run ${id} is gone from ${context.db}`);
  const suite = loadSuite(options.suiteFile ?? suiteNamed(series));
  if (suite.name !== series.suite || suite.version !== series.suiteVersion)
    throw new FleetError(`suite ${series.suite} is version ${suite.version} by now and was ${series.suiteVersion}: nothing to compare with`);
  const made = await binaryOf(context.root, run);
  const plan = { toolchain: run.toolchain, flags: '', made };
  const {
    store: open,
    ids,
    failures,
  } = await measure(
    context,
    { device, suite: series.suite, threads: [threads], wait: true, ...(cpus !== null && { cpus }), acceptNewHostKey: options.acceptNewHostKey },
    {
      ...{ suite, model: findModel(context.root, options.modelFile ?? series.model), builds: [plan] },
      runsOn: ({ planned }) => planned.length,
      tasksOn: ({ lane, planned }) => planned.map((one) => ({ device: lane.device.id, run: () => lane.run(one) })),
    },
  );
  const [rerun] = ids.length > 0 ? open.history({ id: ids }) : [];
  open.close();
  if (failures[0]) throw new FleetError(failures[0].message);
  if (rerun?.status !== 'ok') throw new FleetError(rerun?.message ?? 'it was stopped');
  if (!isValid(rerun)) throw new FleetError(`run ${rerun.id} is invalid (${rerun.flags.join(', ')}) and tells nothing`);
  if (rerun.epoch !== run.epoch)
    throw new FleetError('the environment is another one now: a new epoch has begun, and the old speed cannot be seen again');
  return rerun.id;
}

function suiteNamed({ suite }: HistorySeries): string {
  if (SUITE_NAMES.includes(suite)) return suite;
  throw new FleetError(`suite ${suite} was given as a file: name it with --suite-file`);
}
