import { joulesOf, type Marker } from '../src/core/joules.ts';
import { type PowerTrace, pause } from '../src/core/power_trace.ts';
import { median } from '../src/core/stats.ts';
import { signedRank } from '../src/core/wilcoxon.ts';
import type { Answer } from './engine.ts';
import { type Launch, mark, requestFor, sameAnswer, sample } from './launch.ts';
import { Sampler } from './sampler.ts';
import { clocksOf, cpuSet, type Sensed } from './sensed.ts';
import { policies, targetClock } from './sensors/cpufreq.ts';
import { CLOCK } from './state.ts';

/** Longest wait for a reading after a window, s. */
const REST = 3;

/** Reading the sensors must not cost more of the speed of decoding. */
export const OVERHEAD = 0.01;

/**
 * Energy and heat of the last launch. Speed is timed while nothing is read; energy is of requests of their own, during which everything is
 * read: idle power before the timed requests and after all, sampled requests in between. The longest prompt is asked in pairs, with and
 * without sampling in turn, which shows what reading costs. Where the device has nothing to read but the controller has a meter, it only idles.
 */
export class PowerPass {
  readonly #at: Launch;
  readonly #sampler: Sampler;
  readonly #sensed: Sensed;
  readonly #markers: Marker[] = [];

  constructor(at: Launch, sensed: Sensed) {
    this.#at = at;
    this.#sensed = { ...sensed, frequencies: clocksOf(sensed.frequencies, at.engine.ready.cpus) };
    this.#sampler = new Sampler(this.#sensed, at.elapsed);
  }

  get #plan(): { idle: number; repetitions: number } | null {
    return this.#at.job.suite.energy ?? null;
  }

  /** There is anything to be read here. */
  get #reads(): boolean {
    const { sources, temperatures, frequencies, alarms } = this.#sensed;
    return sources.length + temperatures.length + frequencies.length > 0 || alarms.pi || alarms.android;
  }

  /** Reads from now on, until `end`. */
  async begin(): Promise<void> {
    if (this.#plan) await this.#read();
  }

  /** A request that was made while everything was read. */
  note(answer: Answer, prompt: string, repetition: number): void {
    if (this.#plan && this.#reads) this.#markers.push(mark(this.#at, answer, { what: 'sampled', prompt, launch: this.#at.launch, repetition }));
  }

  async end(): Promise<void> {
    if (this.#plan) await this.#rest();
  }

  /** A stretch in which nothing is asked; the model stays loaded. */
  async idle(which: number): Promise<void> {
    const { job, journal, signal, launch, elapsed } = this.#at;
    const seconds = this.#plan?.idle ?? 0;
    if (seconds === 0 || !(this.#sensed.sources.length > 0 || job.meters)) return;
    journal.write({ kind: 'phase', phase: 'idle', detail: which === 0 ? 'before' : 'after', done: 0, total: seconds });
    await this.#read();
    const begin = elapsed();
    await pause(seconds, signal);
    const end = elapsed();
    await this.#rest();
    signal.throwIfAborted();
    this.#write({ what: 'idle', prompt: null, launch, repetition: which, begin, end, first: null, n_prompt: 0, n_gen: 0 });
  }

  /** The sampled requests. `answers` are the last timed ones, by prompt. */
  async requests(answers: readonly Answer[]): Promise<void> {
    if (!this.#plan || !this.#reads) return;
    const { job, journal, launch, engine } = this.#at;
    // one request is no whole conversation
    const asked = job.suite.prompts.flatMap((prompt, i) => (prompt.turns === undefined ? [{ prompt, tokens: answers[i]?.done.n_gen ?? 0 }] : []));
    const most = Math.max(...asked.map(({ tokens }) => tokens));
    const longest = asked.find(({ tokens }) => tokens === most)?.prompt;
    const costs: number[] = [];
    for (const { prompt } of asked) {
      for (let repetition = 0; repetition < this.#plan.repetitions; repetition++) {
        journal.write({ kind: 'phase', phase: 'power', detail: prompt.id, done: repetition, total: this.#plan.repetitions });
        const plain = async () => (prompt === longest ? (await engine.generate(requestFor(job, prompt))).decode : null);
        const first = repetition % 2 === 1 ? await plain() : null;
        await this.#read();
        const answer = await engine.generate(requestFor(job, prompt));
        await this.#rest();
        sameAnswer(this.#at, prompt, answer, 'a sampled request');
        const { times } = answer;
        journal.write({ kind: 'series', series: 'token_times', unit: 's', prompt: prompt.id, launch, repetition, warmup: true, times, values: [] });
        this.#write(mark(this.#at, answer, { what: 'sampled', prompt: prompt.id, launch, repetition }));
        const other = first ?? (await plain());
        if (other && answer.decode) costs.push(answer.decode / other - 1);
      }
    }
    if (longest) this.#cost(costs, longest.id);
  }

  /** Traces, figures and flags of it all. */
  finish(): void {
    const { journal, launch } = this.#at;
    const { power, temperature, frequency, alarms } = this.#sampler;
    const where = { prompt: null, launch, repetition: 0 };
    for (const trace of power) {
      for (const entry of seriesOf(trace)) journal.write({ ...entry, ...where });
      for (const entry of joulesOf(trace, this.#markers)) {
        if (entry.kind === 'flag') this.#at.flag(entry.flag, entry.evidence);
        else journal.write(entry);
      }
    }
    for (const [series, unit, trace] of [
      ['temperature', 'degC', temperature],
      ['frequency', 'Hz', frequency],
    ] as const)
      if (trace.times.length > 0) journal.write({ kind: 'series', series, unit, ...where, ...trace });
    const whole = { ...where, warmup: false };
    if (temperature.values.length > 0) sample(this.#at, 'temperature_max', Math.max(...temperature.values), whole);
    const running = this.#clocks();
    if (running.length > 0) sample(this.#at, 'frequency_min', Math.min(...running), whole);
    for (const { flag, evidence, time } of alarms.values()) this.#at.flag(flag, `${evidence}, at ${time.toFixed(1)} s`);
  }

  /** The cores did not hold their clock while tokens were made. */
  async judgeClock(): Promise<void> {
    const used = cpuSet(this.#at.engine.ready.cpus);
    const own = (await policies(this.#sensed.host)).filter(({ cpus }) => used.size === 0 || cpus.some((cpu) => used.has(cpu)));
    const target = this.#sensed.settings.clock ?? (await targetClock(this.#sensed.host, own));
    const clocks = this.#clocks();
    if (target === null || clocks.length < 3) return;
    const middle = median(clocks);
    if (middle >= CLOCK.share * target) return;
    const evidence = `median of ${clocks.length} readings while requests ran ${(middle / 1e6).toFixed(0)} MHz, below ${CLOCK.share * 100} % of ${(target / 1e6).toFixed(0)} MHz`;
    this.#at.flag('clock-below-target', evidence);
  }

  async close(): Promise<void> {
    await this.#sampler.stop();
  }

  /** Reads from now on. The next window begins when every source had time for a value of its own: the first one may be old. */
  async #read(): Promise<void> {
    if (!this.#reads) return;
    await this.#sampler.start();
    await pause(this.#ownPace(), this.#at.signal);
  }

  /** Lets the last window be followed by a reading of every source that speaks, then stops. */
  async #rest(): Promise<void> {
    if (!this.#reads) return;
    const { elapsed, signal } = this.#at;
    const end = elapsed();
    await pause(this.#ownPace(), signal);
    const behind = () => this.#sampler.power.some(({ times }) => (times.at(-1) ?? Number.POSITIVE_INFINITY) <= end);
    while (behind() && elapsed() < end + REST && !signal.aborted) await pause(0.02, signal);
    await this.#sampler.stop();
  }

  /** Seconds in which each slow source has a value of its own. */
  #ownPace(): number {
    const slow = this.#sensed.sources.map(({ refresh }) => Math.min(refresh, 2)).filter((seconds) => seconds > 0.2);
    return slow.length > 0 ? 1.2 * Math.max(...slow) : 0;
  }

  #write(marker: Marker): void {
    this.#markers.push(marker);
    this.#at.journal.write({ kind: 'window', ...marker });
  }

  /** Clocks read while sampled requests ran. */
  #clocks(): number[] {
    const { times, values } = this.#sampler.frequency;
    const during = this.#markers.filter(({ what }) => what === 'sampled');
    return values.filter((_, i) => during.some(({ begin, end }) => (times[i] as number) >= begin && (times[i] as number) <= end));
  }

  #cost(costs: readonly number[], prompt: string): void {
    for (const [repetition, cost] of costs.entries())
      sample(this.#at, 'sampling_overhead', cost, { prompt, launch: this.#at.launch, repetition, warmup: false });
    const why = overheadOf(costs);
    if (why !== null) this.#at.flag('sampling-overhead', why);
  }
}

/**
 * Why reading the sensors was not shown to cost less than OVERHEAD, of how much longer decode took in each pair; null where it was. What it
 * costs at most is the upper end of an interval of 90 %, or of fewer than five pairs, which have none, the worst of them.
 */
export function overheadOf(costs: readonly number[]): string | null {
  if (costs.length === 0) return 'what reading the sensors costs could not be measured: too few tokens';
  const [, end] = signedRank(costs, 0.9).interval;
  if ((Number.isFinite(end) ? end : Math.max(...costs)) < OVERHEAD) return null;
  const percent = (share: number) => `${(share * 100).toFixed(2)} %`;
  const range = `${percent(Math.min(...costs))} to ${percent(Math.max(...costs))}`;
  const shown = median(costs) < OVERHEAD ? '; too few or too uneven to show less than 1 %' : '';
  return `decode took ${percent(median(costs))} longer with sampling, median of ${costs.length} pairs (${range})${shown}`;
}

/** A trace as series of the journal: power where it told power, energy where it has a counter. */
export function seriesOf(trace: PowerTrace) {
  const { source, scope, times } = trace;
  const rows = [
    ['power', 'W', trace.watts],
    ['energy', 'J', trace.joules],
  ] as const;
  return rows.flatMap(([series, unit, values]) => {
    const kept = values.flatMap((value, i) => (value === null ? [] : [{ time: times[i] as number, value }]));
    if (kept.length === 0) return [];
    return [{ kind: 'series' as const, series, unit, source, scope, times: kept.map(({ time }) => time), values: kept.map(({ value }) => value) }];
  });
}
