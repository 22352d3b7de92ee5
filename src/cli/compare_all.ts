import type { BuildSpec } from '../core/build.ts';
import { specLabel } from '../core/build.ts';
import { comparisonRows, judgeMetric, type StoredComparison } from '../core/comparison.ts';
import { FleetError, UsageError } from '../core/errors.ts';
import type { MetricName } from '../core/metric.ts';
import { plain } from '../core/plain.ts';
import type { Store, StoreReader } from '../core/store.ts';
import { LOOKS } from '../core/verdict.ts';
import { findModel } from '../fleet/model.ts';
import type { Task } from '../fleet/schedule.ts';
import { loadSuite } from '../fleet/suite.ts';
import { wantsColour } from '../report/colour.ts';
import { comparisonTable } from '../report/comparison.ts';
import type { Planned } from './bench_device.ts';
import type { CompareOptions } from './bench_options.ts';
import { campaign } from './campaign.ts';
import type { Context } from './context.ts';
import { measure, type Ready } from './measure.ts';

const EMULATED =
  'its processor is emulated, so its timings mean nothing and nothing is compared; fleet bench still proves that it computes the right thing';

/** Compares two builds on every device that was asked for and tells the verdicts. Returns the exit status: 1 where a device failed. */
export async function compare(context: Context, baseline: BuildSpec, candidate: BuildSpec | undefined, options: CompareOptions): Promise<number> {
  const other = secondSide(baseline, candidate, options.noise === true);
  const suite = { ...loadSuite(options.suite) };
  if (options.repetitions !== undefined) suite.repetitions = options.repetitions;
  const model = findModel(context.root, options.model ?? suite.model);
  const ids: string[] = [];
  const { store, failures, stopped } = await measure(context, options, {
    ...{ model, suite },
    builds: [baseline, other],
    runsOn: (ready) => pairsOf(ready, baseline, other).length * 2 * ((LOOKS[0] as number) + 1),
    tasksOn: (ready, { store, signal }) =>
      pairsOf(ready, baseline, other).map((plans): Task<unknown> => {
        const { id } = ready.lane.device;
        return {
          device: id,
          run: async () => {
            if (ready.lane.emulated) throw new FleetError(EMULATED);
            const epoch = store.devices().find((device) => device.id === id)?.epoch ?? null;
            const conditions = { device: id, model: model.name, suite: suite.name, threads: plans.baseline.threads, epoch };
            ids.push(
              await campaign(ready.lane, plans, {
                ...{ store, signal, model: model.name, suite, metrics: options.metric, epoch },
                noiseOf: (name) => noiseOf(store, conditions, name),
                onLook: ({ pairs, verdict, change }) =>
                  context.say(`${id}: after ${pairs} pairs: ${verdict}, ${(100 * change).toFixed(1)} % by ${options.metric[0]}`),
              }),
            );
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

type Conditions = Pick<StoredComparison, 'device' | 'model' | 'suite' | 'threads' | 'epoch'>;

/** Half the width of the interval of the newest comparison of a build with itself under these conditions; null where there is none. */
export function noiseOf(store: StoreReader | Store, { device, model, suite, threads, epoch }: Conditions, name: MetricName): number | null {
  for (const comparison of store.comparisons({ device, model, suite, threads, epoch, noise: true, limit: 5 })) {
    const [low, high] = judgeMetric(comparison, name, null)?.interval ?? [null, null];
    if (low !== null && high !== null) return (high - low) / 2;
  }
  return null;
}
