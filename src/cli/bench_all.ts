import { onDevice } from '../core/build.ts';
import { plain } from '../core/plain.ts';
import type { RunSummary } from '../core/run.ts';
import { findModel } from '../fleet/model.ts';
import { loadSuite } from '../fleet/suite.ts';
import { wantsColour } from '../report/colour.ts';
import { table } from '../report/table.ts';
import type { BenchOptions } from './bench_options.ts';
import type { Context } from './context.ts';
import { type Measured, measure } from './measure.ts';

/** Runs every combination that was asked for and tells the result. Returns the exit status. */
export async function bench(context: Context, options: BenchOptions): Promise<number> {
  const suite = { ...loadSuite(options.suite) };
  if (options.repetitions !== undefined) suite.repetitions = options.repetitions;
  const { store, ids, failures, concerns, stopped } = await measure(context, options, {
    suite,
    model: findModel(context.root, options.model ?? suite.model),
    builds: options.toolchain.map((name) => ({ toolchain: options.build === 'on-device' ? onDevice(name) : name, flags: options.flags ?? '' })),
    runsOn: ({ planned }) => planned.length,
    tasksOn: ({ lane, planned }) => planned.map((plan) => ({ device: lane.device.id, run: () => lane.run(plan) })),
  });
  const runs = ids.length > 0 ? store.runs({ id: ids }).reverse() : [];
  store.close();
  tell(context, runs, { failures, concerns, stopped });
  if (stopped) return 130;
  return failures.length > 0 || runs.some((run) => run.status !== 'ok') ? 1 : 0;
}

function tell({ give, say, json, db }: Context, runs: readonly RunSummary[], by: Pick<Measured, 'failures' | 'concerns' | 'stopped'>): void {
  const { failures, concerns, stopped } = by;
  const { columns = 100 } = process.stdout;
  if (json || runs.length > 0) {
    give(() => `\n${table(runs, { width: columns, colour: wantsColour(process.stdout, process.env) })}`, {
      runs,
      errors: failures,
      warnings: concerns,
    });
  }
  for (const { device, message } of failures) say(`fleet: device ${device}: ${plain(message)}`);
  if (runs.some((run) => run.message?.startsWith('the device is busy with run'))) say('fleet: fleet bench --wait waits for a device that is busy.');
  if (stopped) say('fleet: stopped before the end; what was measured is kept.');
  if (runs.length > 0 && !json) say(`\nEvery sample is in ${db}. Look at it with fleet serve, or fleet show ${runs[0]?.id}.`);
}
