import { follow, newTrace, note, type PowerTrace, pause } from '../src/core/power_trace.ts';
import type { Source } from '../src/core/source.ts';
import type { Sensed } from './sensed.ts';
import type { Gauge } from './sensors/sensor.ts';
import { alarmsOf, type Cause } from './state.ts';

/** Seconds between two looks at temperatures and clocks. */
const GAUGES = 2;
/** Silent readings after which a source is not waited for. */
const MUTE = 3;
/** Longest wait for the first readings, s. */
const PATIENCE = 5;

export interface GaugeTrace {
  times: number[];
  values: number[];
}

/** Reads everything a device has, whenever it is switched on, into traces that go on from one time to the next. */
export class Sampler {
  readonly power: PowerTrace[];
  readonly temperature: GaugeTrace = { times: [], values: [] };
  readonly frequency: GaugeTrace = { times: [], values: [] };
  /** Alarms by their evidence, and when they were seen first. */
  readonly alarms = new Map<string, Cause & { time: number }>();
  readonly #sensed: Sensed;
  readonly #clock: () => number;
  #stop: (() => Promise<void>) | null = null;

  constructor(sensed: Sensed, clock: () => number) {
    this.#sensed = sensed;
    this.#clock = clock;
    this.power = sensed.sources.map(newTrace);
  }

  /** Resolves when every source has given a figure, or seems to have none. */
  async start(): Promise<void> {
    const over = new AbortController();
    const { sources, settings } = this.#sensed;
    const heard: Promise<void>[] = [];
    const loops = sources.map((source, i) => {
      let first = () => {};
      let silences = 0;
      heard.push(
        new Promise((resolve) => {
          first = resolve;
        }),
      );
      const take: Parameters<typeof follow>[3] = (time, reading) => {
        note(this.power[i] as PowerTrace, time, reading);
        if (reading.watts !== null || reading.joules !== null || ++silences === MUTE) first();
      };
      return follow(source, this.#clock, over.signal, take, settings.period ?? source.period);
    });
    loops.push(this.#gauges(over.signal));
    this.#stop = async () => {
      over.abort();
      await Promise.all(sources.map((source: Source) => source.close()));
      await Promise.all(loops);
    };
    await Promise.race([Promise.all(heard), pause(PATIENCE, over.signal)]);
  }

  /** What runs is ended; the traces stay. */
  async stop(): Promise<void> {
    const stop = this.#stop;
    this.#stop = null;
    await stop?.();
  }

  async #gauges(over: AbortSignal): Promise<void> {
    const { temperatures, frequencies, host, alarms: who } = this.#sensed;
    if (temperatures.length + frequencies.length === 0 && !who.pi && !who.android) return;
    while (!over.aborted) {
      const [hot, clocks, alarms] = await Promise.all([readAll(temperatures), readAll(frequencies), alarmsOf(host, who)]);
      const now = this.#clock();
      if (hot.length > 0) add(this.temperature, now, Math.max(...hot));
      if (clocks.length > 0) add(this.frequency, now, Math.min(...clocks));
      for (const alarm of alarms) if (!this.alarms.has(alarm.evidence)) this.alarms.set(alarm.evidence, { ...alarm, time: now });
      await pause(GAUGES, over);
    }
  }
}

export async function readAll(gauges: readonly Gauge[]): Promise<number[]> {
  return (await Promise.all(gauges.map((gauge) => gauge.read().catch(() => null)))).filter((value) => value !== null);
}

function add(trace: GaugeTrace, time: number, value: number): void {
  trace.times.push(time);
  trace.values.push(value);
}
