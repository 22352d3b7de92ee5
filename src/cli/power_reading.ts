import { labHost } from '../../agents/lab.ts';
import { findSensors } from '../../agents/sensors/find.ts';
import { type State, stateOf } from '../../agents/state.ts';
import { follow, newTrace, note, type PowerTrace } from '../core/power_trace.ts';
import type { Scope } from '../core/scope.ts';
import type { Source } from '../core/source.ts';
import type { Connection } from '../fleet/connection.ts';
import { controllerClock } from '../fleet/meters/watch.ts';
import type { MeterHosts } from './meter_hosts.ts';
import { metersOf } from './meters.ts';

/** What one source said while it was read. */
export interface SourceReading {
  name: string;
  scope: Scope;
  detail: string;
  reader: 'device' | 'controller';
  /** Figures from a counter, or samples of power. */
  kind: 'counter' | 'power' | null;
  /** New values a second, as seen. */
  rate: number | null;
  /** Mean power while it was read, W. */
  watts: number | null;
  /** Where it said nothing: why. */
  why: string | null;
}

/** The document of `fleet power --json`. */
export interface PowerReading {
  device: string;
  /** The sensors are played, by this folder. */
  lab: string | null;
  seconds: number;
  sources: SourceReading[];
  gauges: { kind: 'temperature' | 'frequency'; label: string; value: number | null; unit: 'degC' | 'Hz' }[];
  state: State;
  problems: string[];
}

/** Reads all that a device and its meters tell, for so many seconds. */
export async function readPower(connection: Connection, meterHosts: MeterHosts, seconds: number): Promise<PowerReading> {
  const { device } = connection;
  const host = device.lab === undefined ? connection : labHost(connection, device.lab);
  const meters = metersOf(device, meterHosts);
  const { sources, gauges, problems } = await findSensors(host, device.sensors ?? {});
  const all = [
    ...meters.map((source) => ({ source, reader: 'controller' as const })),
    ...sources.map((source) => ({ source, reader: 'device' as const })),
  ];
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), seconds * 1000);
  const traces = await Promise.all(
    all.map(async ({ source }) => {
      const trace = newTrace(source);
      const period = meters.includes(source) ? source.period : (device.sensors?.period ?? source.period);
      const ended = new Promise<void>((resolve) => over.signal.addEventListener('abort', () => resolve(void source.close())));
      await Promise.all([follow(source, controllerClock, over.signal, (time, reading) => note(trace, time, reading), period), ended]);
      return trace;
    }),
  );
  clearTimeout(timer);
  const values = await Promise.all(gauges.map((gauge) => gauge.read().catch(() => null)));
  return {
    device: device.id,
    lab: device.lab ?? null,
    seconds,
    sources: all.map(({ source, reader }, i) => summary(source, reader, traces[i] as PowerTrace)),
    gauges: gauges.map(({ kind, label }, i) => ({ kind, label, value: values[i] as number | null, unit: kind === 'temperature' ? 'degC' : 'Hz' })),
    state: await stateOf(host),
    problems,
  };
}

function summary({ name, scope, detail }: Source, reader: SourceReading['reader'], trace: PowerTrace): SourceReading {
  const { times, watts, joules } = trace;
  const counted = joules.some((value) => value !== null);
  const line = (counted ? joules : watts).flatMap((value, i) => (value === null ? [] : [{ time: times[i] as number, value }]));
  const [first, last] = [line[0], line.at(-1)];
  const span = first && last ? last.time - first.time : 0;
  const changes = line.filter(({ value }, i) => i === 0 || value !== line[i - 1]?.value).length - 1;
  const mean = counted && first && last && span > 0 && last.value > first.value ? (last.value - first.value) / span : null;
  const power = watts.filter((value) => value !== null);
  return {
    ...{ name, scope, detail, reader },
    kind: counted ? 'counter' : power.length > 0 ? 'power' : null,
    rate: span > 0 ? changes / span : null,
    watts: mean ?? (power.length > 0 ? power.reduce((sum, value) => sum + value, 0) / power.length : null),
    why: line.length === 0 ? (trace.why ?? 'it did not answer in this time') : null,
  };
}
