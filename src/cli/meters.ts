import type { Device } from '../core/device.ts';
import { FleetError, reason } from '../core/errors.ts';
import { joulesOf } from '../core/joules.ts';
import { JournalRecord } from '../core/journal.ts';
import type { PowerTrace } from '../core/power_trace.ts';
import type { Source } from '../core/source.ts';
import type { Store, StoredSeries } from '../core/store.ts';
import type { Connection } from '../fleet/connection.ts';
import { openMeter } from '../fleet/meters/meter.ts';
import { MeterWatch } from '../fleet/meters/watch.ts';
import { type ClockOffset, clockOffset } from '../fleet/probe.ts';
import type { MeterHosts } from './meter_hosts.ts';

/** What the clocks of device and meter may be off by, s, before it is flagged. */
const CLOCK_ERROR = 0.1;

/** The meters of a device, ready to be read. Throws a FleetError where one lacks what it needs. */
export function metersOf(device: Device, hosts: MeterHosts): Source[] {
  return (device.meters ?? []).map((meter) => {
    try {
      return openMeter(meter, hosts.hostOf(meter));
    } catch (error) {
      throw new FleetError(`device ${device.id}: meter ${meter.name ?? meter.type}: ${reason(error)}`);
    }
  });
}

/**
 * Meters beside a run: their clock is this machine's, the run's markers are the device's, and the difference is measured before and after.
 * `beside` says that the agent runs here, too.
 */
export class RunMeters {
  readonly #store: Store;
  readonly #run: string;
  readonly #beside: boolean;
  readonly #watch: MeterWatch;
  /** Device minus controller, s. */
  #offset = 0;
  #begun: number | null = null;
  #over = false;

  private constructor(store: Store, run: string, sources: readonly Source[], beside: boolean) {
    this.#store = store;
    this.#run = run;
    this.#beside = beside;
    this.#watch = new MeterWatch(sources, {
      runTime: (seconds) => (this.#begun === null ? null : seconds + this.#offset - this.#begun),
      onEntries: (entries) => store.annotate(run, entries),
    });
  }

  /** Begins to read them; null for a device that has none. */
  static async begin(store: Store, run: string, connection: Connection, beside: boolean, hosts: MeterHosts): Promise<RunMeters | null> {
    const sources = metersOf(connection.device, hosts);
    if (sources.length === 0) return null;
    const meters = new RunMeters(store, run, sources, beside);
    const found = await meters.#clock(connection);
    meters.#offset = found?.offset ?? 0;
    if (!found) store.addFlag(run, 'clock-skew', 'the device does not tell its clock: windows and meter readings may not belong together');
    else if (found.error > CLOCK_ERROR)
      store.addFlag(run, 'clock-skew', `device and meter clock are known to within ${found.error.toFixed(2)} s only`);
    return meters;
  }

  /** Takes the records of the run: the first one says when it began. */
  take(record: JournalRecord): void {
    if (record.kind === 'start' && this.#begun === null) this.#begun = record.wall / 1000;
  }

  /** Ends the reading. What was read is stored; settleMeters makes energies of it once the run's own records are there. */
  async end(connection: Connection): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    const after = await this.#clock(connection).catch(() => null); // the link may be lost
    const drift = after ? Math.abs(after.offset - this.#offset) - after.error : 0;
    if (drift > CLOCK_ERROR)
      this.#store.addFlag(this.#run, 'clock-skew', `the device's clock moved by ${drift.toFixed(2)} s against the meter's during the run`);
    await this.#watch.stop();
  }

  async #clock(connection: Connection): Promise<ClockOffset | null> {
    if (this.#beside) return { offset: 0, error: 0 };
    const found = await clockOffset(connection, 7);
    if (found) this.#store.annotate(this.#run, [{ kind: 'clock', clock: 'device', ...found }]);
    return found;
  }
}

/** Works out the energies of the meters that were read beside a run, from what is stored of it; once. */
export function settleMeters(store: Store, run: string): void {
  // What the controller wrote itself has negative numbers: nothing a device says can pass for it.
  const sensors = store.events(run, 'sensor').flatMap(({ data, seq, wall, mono, kind }) => {
    const record = seq < 0 ? JournalRecord.safeParse({ ...data, seq: -seq, wall, mono, kind }).data : undefined;
    return record?.kind === 'sensor' ? [record] : [];
  });
  if (sensors.length === 0) return;
  const markers = store.events(run, 'window').flatMap(({ data, seq, wall, mono, kind }) => {
    const record = JournalRecord.safeParse({ ...data, seq, wall, mono, kind }).data;
    return record?.kind === 'window' && record.what !== 'sampled' ? [record] : [];
  });
  const done = new Set(store.run(run)?.samples.flatMap(({ seq, source }) => (seq < 0 ? [source] : [])));
  const series = store.series(run).filter(({ seq }) => seq < 0);
  for (const { source, scope, refresh } of sensors) {
    if (done.has(source)) continue;
    const trace = traceOf(
      { source, scope, refresh },
      series.filter((one) => one.source === source),
    );
    store.annotate(run, joulesOf(trace, markers));
  }
}

/** The stored pieces as one trace. */
function traceOf(of: Pick<PowerTrace, 'source' | 'scope' | 'refresh'>, pieces: readonly StoredSeries[]): PowerTrace {
  const points = new Map<number, { watts: number | null; joules: number | null }>();
  for (const { series, times, values } of pieces) {
    times.forEach((time, i) => {
      const known = points.get(time) ?? { watts: null, joules: null };
      points.set(time, { ...known, [series === 'power' ? 'watts' : 'joules']: values[i] as number });
    });
  }
  const sorted = [...points].sort(([a], [b]) => a - b);
  return {
    ...of,
    times: sorted.map(([time]) => time),
    watts: sorted.map(([, { watts }]) => watts),
    joules: sorted.map(([, { joules }]) => joules),
    silences: 0,
    why: null,
  };
}
