import { bisect, type Found, type StepOutcome } from '../core/bisect.ts';
import type { Build } from '../core/build.ts';
import { type ComparisonRow, comparisonRows, type StoredComparison } from '../core/comparison.ts';
import { FleetError, reason } from '../core/errors.ts';
import type { MetricName } from '../core/metric.ts';
import { noiseOf } from '../core/noise.ts';
import { plain } from '../core/plain.ts';
import type { Store } from '../core/store.ts';
import type { Planned, Wanted } from './bench_device.ts';
import { sameCode } from './binary.ts';
import type { Step } from './bisect_steps.ts';
import type { CampaignLane } from './campaign.ts';
import type { Context } from './context.ts';
import { compareOn } from './pairing.ts';

/** What became of a step. */
export interface Tried {
  outcome: StepOutcome;
  /** stored: an earlier call has measured it; same code: it runs the instructions of a step that is settled; not measured: see the note. */
  how: 'measured' | 'stored' | 'same code' | 'not measured';
  verdict: ComparisonRow['verdict'] | null;
  /** Against the good side. */
  change: number | null;
  interval: ComparisonRow['interval'];
  pairs: number;
  comparison: string | null;
  note: string | null;
}

/** What it needs of its device. */
export interface BisectLane extends CampaignLane {
  supply(spec: Wanted): Promise<Planned[]>;
  wrongOutput(plan: Planned): Promise<string | null>;
}

export interface BisectionOptions {
  store: Store;
  signal: AbortSignal;
  model: string;
  suite: { name: string; version: number };
  metric: [MetricName, ...MetricName[]];
  /** Measure what is stored already, too. */
  again?: boolean;
}

const SKIPPED: Omit<Tried, 'note'> = {
  outcome: 'skip',
  how: 'not measured',
  verdict: null,
  change: null,
  interval: null,
  pairs: 0,
  comparison: null,
};

/** One bisection on one device that holds the builds of both ends. */
export class Bisection {
  /** By number of the step, in the order in which they were tried. */
  readonly tried = new Map<number, Tried>();
  readonly #context: Context;
  readonly #lane: BisectLane;
  readonly #steps: readonly Step[];
  readonly #good: Planned;
  readonly #bad: Planned;
  readonly #options: BisectionOptions;
  /** Builds whose outcome is known. */
  readonly #settled: { build: Build; tried: Tried }[] = [];

  constructor(context: Context, lane: BisectLane, row: { steps: readonly Step[]; good: Planned; bad: Planned }, options: BisectionOptions) {
    this.#context = context;
    this.#lane = lane;
    this.#steps = row.steps;
    this.#good = row.good;
    this.#bad = row.bad;
    this.#options = options;
  }

  /** Where it became slower, or a sentence that says why that cannot be searched. Rejects where the device is lost or Ctrl-C came. */
  async run(): Promise<Found | string> {
    const wrong = await this.#lane.wrongOutput(this.#good);
    if (wrong !== null) return `the good side cannot be used: ${wrong}`;
    const last = this.#steps.length - 1;
    await this.#try(last, async () => [this.#bad]);
    const end = this.tried.get(last) as Tried;
    if (end.outcome === 'skip') return `the bad side could not be judged: ${end.note}`;
    if (end.outcome === 'good') {
      const verdict = end.verdict === 'same code' ? 'both sides run the same instructions' : `the bad side is ${end.verdict}`;
      return `there is nothing to search: ${verdict}`;
    }
    return bisect(this.#steps.length, (step) => this.#try(step, async () => this.#lane.supply(await (this.#steps[step] as Step).wanted())));
  }

  async #try(step: number, supply: () => Promise<Planned[]>): Promise<StepOutcome> {
    const tried = await this.#judge(supply);
    this.tried.set(step, tried);
    const why = tried.note ? ` (${tried.note})` : '';
    this.#context.say(`${this.#lane.device.id}: ${(this.#steps[step] as Step).title}: ${tried.outcome}, ${tried.how}${why}`);
    return tried.outcome;
  }

  async #judge(supply: () => Promise<Planned[]>): Promise<Tried> {
    this.#options.signal.throwIfAborted();
    let plan: Planned | undefined;
    try {
      [plan] = await supply();
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      return { ...SKIPPED, note: plain(reason(error)) };
    }
    if (!plan) return { ...SKIPPED, note: 'it cannot be run on this device' };
    const { build } = plan;
    const known = this.#settled.find((one) => sameCode(one.build, build));
    if (known) return { ...known.tried, how: 'same code', note: null };
    if (sameCode(this.#good.build, build)) return { ...SKIPPED, outcome: 'good', how: 'same code', verdict: 'same code', note: null };
    const wrong = await this.#lane.wrongOutput(plan);
    if (wrong !== null) return { ...SKIPPED, note: wrong };
    const tried = await this.#measured(plan);
    if (tried.outcome !== 'skip') this.#settled.push({ build, tried });
    return tried;
  }

  async #measured(plan: Planned): Promise<Tried> {
    const { store, signal, model, suite, metric, again } = this.#options;
    const stored = again ? undefined : this.#stored(plan);
    const id =
      stored?.id ??
      (await compareOn(this.#context, this.#lane, { baseline: this.#good, candidate: plan }, { store, signal, model, suite, metrics: metric }));
    signal.throwIfAborted();
    const comparisons = store.comparisons({ id });
    const [row] = comparisonRows(comparisons, (comparison, name) => noiseOf(store, comparison, name));
    if (!row) return { ...SKIPPED, note: 'nothing was measured' };
    const { verdict, change, interval, pairs, note } = row;
    const outcome = verdict === 'slower' ? 'bad' : verdict === 'unknown' ? 'skip' : 'good';
    return { ...{ outcome, how: stored ? 'stored' : 'measured', verdict, change, interval, pairs, comparison: id, note } };
  }

  /** The newest comparison of these two builds under these conditions, in the environment as it is, that came to its end. */
  #stored({ build, threads }: Planned): StoredComparison | undefined {
    const { store, model, suite, metric } = this.#options;
    const { id: device } = this.#lane.device;
    const epoch = store.devices().find(({ id }) => id === device)?.epoch ?? null;
    return store
      .comparisons({ device, model, suite: suite.name, threads, epoch, limit: 1000 })
      .find(
        ({ status, metrics, baseline, candidate }) =>
          status === 'ok' && metrics[0] === metric[0] && sameCode(baseline, this.#good.build) && sameCode(candidate, build),
      );
  }
}
