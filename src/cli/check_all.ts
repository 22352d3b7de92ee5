import type { Baseline } from '../core/baseline.ts';
import { type CheckRow, checkRows, conditionsKey, passes } from '../core/check.ts';
import { FleetError, reason, UsageError } from '../core/errors.ts';
import { groupsBy } from '../core/groups.ts';
import { type HistoryRun, labelOf } from '../core/history.ts';
import { plain } from '../core/plain.ts';
import { isValid } from '../core/validity.ts';
import { findModel } from '../fleet/model.ts';
import { loadSuite } from '../fleet/suite.ts';
import { type CheckHead, checkMarkdown, checkTable } from '../report/check.ts';
import { wantsColour } from '../report/colour.ts';
import { openStore } from '../store/store.ts';
import { named } from './baseline.ts';
import type { CheckOptions } from './bench_options.ts';
import { binaryOf, flagsOfBuild, sameCode } from './binary.ts';
import type { Context } from './context.ts';
import { measure } from './measure.ts';
import { compareOn } from './pairing.ts';
import { replace } from './replace.ts';

/** Comparisons of a device that are looked through for pairs with the baseline's binary. */
const MOST_COMPARISONS = 200;

/** Checks what there is, or measures first; writes the reports. Exit status 0 passed, 1 not. */
export async function check(context: Context, options: CheckOptions): Promise<number> {
  const baseline = load(context, options);
  let stopped = false;
  const failures: { device: string; message: string }[] = [];
  const unchanged = new Set<string>();
  const made: string[] = [];
  if (options.measure) {
    loadSuite(options.suite); // a wrong name is told before anything is built
    for (const group of groupsBy(baseline.runs, conditionsKey)) {
      if (stopped) break;
      const newest = group.at(-1) as HistoryRun;
      try {
        const told = await measureAgainst(context, newest, options, { failures, made });
        if (told === 'unchanged') unchanged.add(conditionsKey(newest));
        stopped = told === 'stopped';
      } catch (error) {
        if (!(error instanceof FleetError)) throw error;
        failures.push({ device: newest.device, message: reason(error) });
      }
    }
  }
  const rows = judge(context, baseline, options, { unchanged, ...(options.measure && { made }) });
  const passed = passes(rows, options.strict) && failures.length === 0;
  const head: CheckHead = { baseline: baseline.name, most: options.maxRegression, passed, errors: failures };
  if (options.junit !== undefined) await replace(options.junit, (await import('../report/junit.ts')).junit(rows, head), '--junit');
  if (options.markdown !== undefined) await replace(options.markdown, checkMarkdown(rows, head), '--markdown');
  const { columns = 100 } = process.stdout;
  context.give(() => checkTable(rows, head, { width: columns, colour: wantsColour(process.stdout, process.env) }), {
    ...{ baseline: baseline.name, max_regression: options.maxRegression, passed, rows, errors: failures },
  });
  if (context.json) for (const { device, message } of failures) context.say(`fleet: device ${device}: ${plain(message)}`);
  return stopped ? 130 : passed ? 0 : 1;
}

function load(context: Context, { against, device }: CheckOptions): Baseline {
  const store = openStore(context.db, { readonly: true });
  try {
    const baseline = named(store.baselines(), against);
    const missing = device?.find((id) => !baseline.runs.some((run) => run.device === id));
    if (missing !== undefined) throw new UsageError(`baseline ${against} has no run of device "${missing}"; see fleet baseline show ${against}`);
    return { ...baseline, runs: baseline.runs.filter((run) => isValid(run) && (device?.includes(run.device) ?? true)) };
  } finally {
    store.close();
  }
}

interface Known {
  unchanged: ReadonlySet<string>;
  /** Comparisons that this call has made: no others are judged then. */
  made?: readonly string[];
}

function judge(context: Context, baseline: Baseline, options: CheckOptions, { unchanged, made }: Known): CheckRow[] {
  const store = openStore(context.db, { readonly: true });
  try {
    const devices = [...new Set(baseline.runs.map((run) => run.device))];
    const since = Math.min(...baseline.runs.map(({ started }) => started));
    return checkRows(baseline, {
      ...{ most: options.maxRegression, metrics: options.metric, unchanged },
      comparisons: made
        ? made.flatMap((id) => store.comparisons({ id }))
        : devices.flatMap((device) => store.comparisons({ device, limit: MOST_COMPARISONS })),
      runs: baseline.runs.length > 0 ? store.history({ device: devices, valid: true, since }) : [],
    });
  } finally {
    store.close();
  }
}

/** Pairs of the baseline's binary and the sources as they are; none where they run the same instructions. */
async function measureAgainst(
  context: Context,
  run: HistoryRun,
  options: CheckOptions,
  told: { failures: { device: string; message: string }[]; made: string[] },
): Promise<'measured' | 'unchanged' | 'stopped'> {
  const suite = loadSuite(options.suite);
  const model = findModel(context.root, options.modelFile ?? run.model);
  const spec = { toolchain: run.toolchain, flags: flagsOfBuild(run.build) };
  const old = { ...spec, made: await binaryOf(context.root, run), name: `${labelOf(run)} of the baseline` };
  let same = false;
  const {
    store,
    stopped,
    failures: failed,
  } = await measure(
    context,
    {
      ...{ device: run.device, suite: options.suite, threads: [run.threads], acceptNewHostKey: options.acceptNewHostKey },
      ...(run.cpus !== null && { cpus: run.cpus }),
      ...(options.wait !== undefined && { wait: options.wait }),
    },
    {
      ...{ model, suite, builds: [old, spec] },
      runsOn: () => 18,
      tasksOn: ({ lane, planned: [baseline, candidate] }, shared) => {
        if (!baseline || !candidate) return [];
        same = sameCode(baseline.build, candidate.build);
        const pairing = { ...shared, model: model.name, suite, metrics: options.metric };
        const compared = async (): Promise<void> => {
          const id = await compareOn(context, lane, { baseline, candidate }, pairing);
          told.made.push(id);
          const [comparison] = shared.store.comparisons({ id });
          if (comparison?.status === 'failed') throw new FleetError(comparison.message ?? 'the comparison did not come to its end');
        };
        return same ? [] : [{ device: run.device, run: compared }];
      },
    },
  );
  store.close();
  told.failures.push(...failed);
  return stopped ? 'stopped' : same ? 'unchanged' : 'measured';
}
