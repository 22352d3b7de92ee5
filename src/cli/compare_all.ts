import type { BuildSpec } from '../core/build.ts';
import { specLabel } from '../core/build.ts';
import { comparisonRows } from '../core/comparison.ts';
import { UsageError } from '../core/errors.ts';
import { noiseOf } from '../core/noise.ts';
import { plain } from '../core/plain.ts';
import { LOOKS } from '../core/verdict.ts';
import { findModel } from '../fleet/model.ts';
import type { Task } from '../fleet/schedule.ts';
import { loadSuite } from '../fleet/suite.ts';
import { wantsColour } from '../report/colour.ts';
import { comparisonTable } from '../report/comparison.ts';
import type { Planned } from './bench_device.ts';
import type { CompareOptions } from './bench_options.ts';
import type { Context } from './context.ts';
import { measure, type Ready } from './measure.ts';
import { compareOn } from './pairing.ts';

/** Compares two builds on every device that was asked for and tells the verdicts. Returns the exit status: 1 where a device failed. */
export async function compare(context: Context, baseline: BuildSpec, candidate: BuildSpec | undefined, options: CompareOptions): Promise<number> {
  const other = secondSide(baseline, candidate, options.noise === true);
  const suite = { ...loadSuite(options.suite) };
  if (options.repetitions !== undefined) suite.repetitions = options.repetitions;
  const model = findModel(context.root, options.model ?? suite.model);
  const ids: string[] = [];
  const { store, failures, concerns, stopped } = await measure(context, options, {
    ...{ model, suite },
    builds: [baseline, other],
    runsOn: (ready) => pairsOf(ready, baseline, other).length * 2 * ((LOOKS[0] as number) + 1),
    tasksOn: (ready, { store, signal }) =>
      pairsOf(ready, baseline, other).map((plans): Task<unknown> => {
        const { id } = ready.lane.device;
        return {
          device: id,
          run: async () => {
            ids.push(await compareOn(context, ready.lane, plans, { store, signal, model: model.name, suite, metrics: options.metric }));
          },
        };
      }),
  });
  const comparisons = ids.flatMap((id) => store.comparisons({ id }));
  const rows = comparisonRows(comparisons, (comparison, name) => noiseOf(store, comparison, name));
  store.close();
  const { columns = 100 } = process.stdout;
  if (context.json || rows.length > 0)
    context.give(() => `\n${comparisonTable(rows, { width: columns, colour: wantsColour(process.stdout, process.env) })}`, {
      comparisons: rows,
      errors: failures,
      warnings: concerns,
    });
  for (const { device, message } of failures) context.say(`fleet: device ${device}: ${plain(message)}`);
  if (stopped) context.say('fleet: stopped before the end; what was measured is kept.');
  if (stopped) return 130;
  return failures.length > 0 || comparisons.some(({ status }) => status !== 'ok') ? 1 : 0;
}

function secondSide(baseline: BuildSpec, candidate: BuildSpec | undefined, noise: boolean): BuildSpec {
  if (noise && candidate) throw new UsageError('--noise compares one build with itself; name only that one');
  if (noise) return baseline;
  if (!candidate) throw new UsageError(`name what is held against ${specLabel(baseline)}; or --noise compares it with itself`);
  if (specLabel(candidate) === specLabel(baseline))
    throw new UsageError(`both sides are ${specLabel(baseline)}; --noise compares a build with itself`);
  return candidate;
}

/** The two sides for each number of threads, where both could be built. */
function pairsOf({ planned }: Ready, baseline: BuildSpec, candidate: BuildSpec): { baseline: Planned; candidate: Planned }[] {
  const of = (side: BuildSpec, threads: number) => planned.find((plan) => specLabel(plan.spec) === specLabel(side) && plan.threads === threads);
  return [...new Set(planned.map(({ threads }) => threads))].flatMap((threads) => {
    const [ours, theirs] = [of(baseline, threads), of(candidate, threads)];
    return ours && theirs ? [{ baseline: ours, candidate: theirs }] : [];
  });
}
