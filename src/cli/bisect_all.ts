import { UsageError } from '../core/errors.ts';
import { percent } from '../core/format.ts';
import { plain } from '../core/plain.ts';
import { loadInventory, resolveDevices } from '../fleet/inventory.ts';
import { findModel } from '../fleet/model.ts';
import { loadSuite } from '../fleet/suite.ts';
import type { BisectOptions } from './bench_options.ts';
import { Bisection, type Tried } from './bisect_run.ts';
import { type Step, type Steps, stepsOf } from './bisect_steps.ts';
import type { Context } from './context.ts';
import { grid } from './grid.ts';
import { measure } from './measure.ts';

/** What `fleet bisect --json` tells. */
interface Result {
  kind: Steps['kind'];
  device: string;
  metric: string;
  good: string;
  bad: string;
  /** In the order in which they were needed. */
  steps: (Tried & { id: string; title: string })[];
  /** The step that made it slower; null where it could not be told. */
  found: { id: string; title: string } | null;
  /** Where it could not be told from its neighbours: all that may have done it, oldest first. */
  suspects: { id: string; title: string }[];
  note: string | null;
}

/** Searches on one device and tells the step. Exit status 0 where it was found. */
export async function bisectAll(context: Context, options: BisectOptions): Promise<number> {
  const suite = loadSuite(options.suite);
  const model = findModel(context.root, options.model ?? suite.model);
  const [device, another] = resolveDevices(await loadInventory(context.devices), options.device);
  if (!device || another) throw new UsageError(`"${options.device}" is several devices; a bisection is of one`);
  const steps = await stepsOf(context, options);
  const ends = [steps.list[0], steps.list.at(-1) as Step] as const;
  const result: Result = {
    ...{ kind: steps.kind, device: device.id, metric: options.metric[0], good: ends[0].id, bad: ends[1].id },
    ...{ steps: [], found: null, suspects: [], note: null },
  };
  try {
    const [good, bad] = [await ends[0].wanted(), await ends[1].wanted()];
    const { threads, ...rest } = options;
    const { store, failures, stopped } = await measure(
      context,
      { ...rest, ...(threads !== undefined && { threads: [threads] }) },
      {
        ...{ model, suite, builds: [good, bad] },
        runsOn: () => 18 * (1 + Math.ceil(Math.log2(steps.list.length))),
        tasksOn: ({ lane, planned }, shared) => {
          const [first, last] = [good, bad].map((spec) => planned.find((plan) => plan.spec === spec));
          if (!first || !last) return [];
          const bisection = new Bisection(
            context,
            lane,
            { steps: steps.list, good: first, bad: last },
            {
              ...shared,
              ...{ model: model.name, suite, metric: options.metric, again: options.again },
            },
          );
          const run = async () => {
            try {
              Object.assign(result, told(await bisection.run(), steps.list));
            } catch (error) {
              if (!shared.signal.aborted) throw error;
              result.note = 'stopped by Ctrl-C';
            } finally {
              result.steps = [...bisection.tried].map(([step, tried]) => ({ ...nameOf(steps.list[step] as Step), ...tried }));
            }
          };
          return [{ device: device.id, run }];
        },
      },
    );
    store.close();
    context.give(() => text(result), { ...result, errors: failures });
    for (const { message } of failures) context.say(`fleet: device ${device.id}: ${plain(message)}`);
    if (stopped) context.say('fleet: stopped before the end; the same call goes on where this one stopped.');
    return stopped ? 130 : result.found ? 0 : 1;
  } finally {
    await steps.clear();
  }
}

function nameOf({ id, title }: Step): { id: string; title: string } {
  return { id, title };
}

function told(outcome: Awaited<ReturnType<Bisection['run']>>, steps: readonly Step[]): Pick<Result, 'found' | 'suspects' | 'note'> {
  if (typeof outcome === 'string') return { found: null, suspects: [], note: outcome };
  const suspects = steps.slice(outcome.good + 1, outcome.bad + 1).map(nameOf);
  if (suspects.length === 1) return { found: suspects[0] as { id: string; title: string }, suspects: [], note: null };
  return { found: null, suspects, note: `one of ${suspects.length} made it slower: those between could not be told` };
}

function text({ kind, device, metric, steps, found, suspects, note }: Result): string {
  const rows = steps.map(({ title, outcome, how, change, pairs, note }) => [
    ...[title, outcome, how, change === null ? '' : percent(change)],
    ...[pairs > 0 ? String(pairs) : '', note ?? ''],
  ]);
  const lines = rows.length > 0 ? [grid([kind, 'outcome', 'by', 'change', 'pairs', 'note'], rows)] : [];
  if (found)
    lines.push(
      `${device} became slower (${metric}) with ${kind === 'commit' ? `commit ${found.title}\n  git show ${found.id} -- kernels` : found.title}`,
    );
  else if (note) lines.push(plain(note), ...suspects.map(({ title }) => `  ${title}`));
  return `${lines.join('\n')}\n`;
}
