import { plain } from '../core/plain.ts';
import type { RunSummary } from '../core/run.ts';
import { isValid } from '../core/validity.ts';
import { hubOf } from '../fleet/hub.ts';
import { findModel } from '../fleet/model.ts';
import { loadSuite } from '../fleet/suite.ts';
import { wantsColour } from '../report/colour.ts';
import { table } from '../report/table.ts';
import type { BenchOptions } from './bench_options.ts';
import type { Context } from './context.ts';
import type { Measured } from './measure.ts';
import { measureModels } from './measure_models.ts';

/** Runs every combination that was asked for and tells the result. Returns the exit status. */
export async function bench(context: Context, options: BenchOptions): Promise<number> {
  const suite = { ...loadSuite(options.suite) };
  if (options.repetitions !== undefined) suite.repetitions = options.repetitions;
  const hub = options.modelFrom === 'device' ? hubOf(options.mirror) : undefined;
  const names = options.model?.split(',').map((name) => name.trim()) ?? suite.models ?? [suite.model];
  const models = names.map((name) => findModel(context.root, name, hub));
  const { runs, failures, concerns, stopped } = await measureModels(context, options, suite, models);
  tell(context, options.device, runs, { failures, concerns, stopped });
  if (stopped) return 130;
  return failures.length > 0 || runs.some((run) => run.status !== 'ok') ? 1 : 0;
}

function tell(context: Context, device: string, runs: readonly RunSummary[], by: Pick<Measured, 'failures' | 'concerns' | 'stopped'>): void {
  const { give, say, json, db } = context;
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
  const [one, other] = new Set(runs.filter(isValid).map(({ toolchain }) => toolchain));
  if (one !== undefined && other !== undefined && !json)
    say(`\nRuns after each other are no verdict: fleet compare ${one} ${other} -d ${plain(device)} makes pairs and says which is faster.`);
  if (runs.length > 0 && !json) say(`\nEvery sample is in ${db}. Look at it with fleet serve, or fleet show ${runs[0]?.id}.`);
}
