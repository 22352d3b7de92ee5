import type { Device } from '../core/device.ts';
import { FleetError, reason } from '../core/errors.ts';
import { plain } from '../core/plain.ts';
import type { RunSummary } from '../core/run.ts';
import { loadInventory, resolveDevices } from '../fleet/inventory.ts';
import { findModel } from '../fleet/model.ts';
import { schedule } from '../fleet/schedule.ts';
import { loadSuite } from '../fleet/suite.ts';
import { findToolchain } from '../fleet/toolchains.ts';
import { wantsColour } from '../report/colour.ts';
import { table } from '../report/table.ts';
import { openStore } from '../store/store.ts';
import { type Bench, BenchDevice, type Planned } from './bench_device.ts';
import type { BenchOptions } from './bench_options.ts';
import type { Context } from './context.ts';
import { failureOf } from './failure.ts';
import { Interrupt } from './interrupt.ts';
import { Progress } from './progress.ts';

/** Runs every combination that was asked for and tells the result. Returns the exit status. */
export async function bench(context: Context, options: BenchOptions): Promise<number> {
  const devices = resolveDevices(await loadInventory(context.devices), options.device);
  for (const name of options.toolchain) findToolchain(name);
  const suite = { ...loadSuite(options.suite) };
  if (options.repetitions !== undefined) suite.repetitions = options.repetitions;
  const model = findModel(context.root, options.model ?? suite.model);
  const store = openStore(context.db);
  const interrupt = new Interrupt('stopping; what was measured is kept (Ctrl-C again leaves at once, the next call fetches the rest)');
  const progress = new Progress(suite);
  const failures = new Failures(context);
  const ids: string[] = [];
  const shared: Bench = {
    ...{ context, options, store, model, suite, signal: interrupt.signal },
    onStep: (device, text) => progress.step(device, plain(text)),
    onBegin(run, device, label) {
      ids.push(run);
      progress.run(run, device, label);
    },
    onRecord: (run, device, record) => progress.record(run, device, record),
  };
  const lanes = devices.map((device) => new BenchDevice(device, shared));
  try {
    // Nothing is timed while compilers run here: first all devices are prepared, then all are measured.
    const ready = await interrupt.race(prepareAll(lanes, failures, interrupt.signal));
    const tasks = ready.flatMap(({ lane, planned }) => planned.map((plan) => ({ device: lane.device.id, run: () => lane.run(plan) })));
    if (tasks.length > 0) {
      progress.begin(new Map(ready.map(({ lane, planned }) => [lane.device.id, planned.length])));
      await schedule(tasks, {
        signal: interrupt.signal,
        onSettled: ({ device }, outcome) => outcome.status === 'failed' && failures.add(device, outcome.error),
      });
    }
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
  } finally {
    progress.end();
    interrupt.release();
    await Promise.all(lanes.map((lane) => lane.close()));
  }
  const runs = ids.length > 0 ? store.runs({ id: ids }).reverse() : [];
  store.close();
  tell(context, runs, failures, interrupt.signal.aborted);
  if (interrupt.signal.aborted) return 130;
  return failures.list.length > 0 || runs.some((run) => run.status !== 'ok') ? 1 : 0;
}

async function prepareAll(
  lanes: readonly BenchDevice[],
  failures: Failures,
  signal: AbortSignal,
): Promise<{ lane: BenchDevice; planned: Planned[] }[]> {
  const outcomes = await schedule(
    lanes.map((lane) => ({ device: lane.device.id, run: async () => ({ lane, ...(await lane.prepare()) }) })),
    { signal },
  );
  return outcomes.flatMap((outcome, index) => {
    const { id } = (lanes[index] as BenchDevice).device;
    if (outcome.status === 'failed') failures.add(id, outcome.error);
    if (outcome.status !== 'done') return [];
    for (const sentence of outcome.value.failures) failures.add(id, new FleetError(sentence));
    return [outcome.value];
  });
}

function tell({ give, say, json, db }: Context, runs: readonly RunSummary[], failures: Failures, stopped: boolean): void {
  const { columns = 100 } = process.stdout;
  if (json || runs.length > 0) {
    give(() => `\n${table(runs, { width: columns, colour: wantsColour(process.stdout, process.env) })}`, { runs, errors: failures.list });
  }
  for (const { device, message } of failures.list) say(`fleet: device ${device}: ${plain(message)}`);
  if (runs.some((run) => run.message?.startsWith('the device is busy with run'))) say('fleet: fleet bench --wait waits for a device that is busy.');
  if (stopped) say('fleet: stopped before the end; what was measured is kept.');
  if (runs.length > 0 && !json) say(`\nEvery sample is in ${db}. Look at it with fleet serve, or fleet show ${runs[0]?.id}.`);
}

/** Failures that belong to a device and not to one run, each sentence once. */
class Failures {
  readonly list: { device: Device['id']; message: string }[] = [];
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  add(device: string, error: unknown): void {
    const sentence = error instanceof FleetError ? error.message : failureOf(error).sentence;
    const message = sentence.replace(`device ${device}: `, '');
    if (!(error instanceof FleetError)) this.#debug(error);
    if (!this.list.some((known) => known.device === device && known.message === message)) this.list.push({ device, message });
  }

  #debug(error: unknown): void {
    if (process.env.FLEET_DEBUG === '1') this.#context.say(error instanceof Error && error.stack ? error.stack : reason(error));
  }
}
