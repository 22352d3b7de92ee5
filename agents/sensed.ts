import type { Host } from '../src/core/host.ts';
import type { Job } from '../src/core/job.ts';
import type { SensorSettings } from '../src/core/sensor_settings.ts';
import type { Source } from '../src/core/source.ts';
import { labHost } from './lab.ts';
import type { Context } from './launch.ts';
import { thermalStatus } from './sensors/dumpsys.ts';
import { findSensors } from './sensors/find.ts';
import type { Gauge } from './sensors/sensor.ts';
import { piState } from './sensors/vcgencmd.ts';

/** What a run reads of its device beside the engine. */
export interface Sensed {
  /** The device, or the folder that plays it. */
  host: Host;
  settings: SensorSettings;
  sources: Source[];
  /** Of one place: the first kind of sensor that tells them. */
  temperatures: Gauge[];
  /** Of the cores that are used. */
  frequencies: Gauge[];
  /** Who tells of throttling at any moment: the firmware of a Raspberry Pi, Android. */
  alarms: { pi: boolean; android: boolean };
}

/** Where a job's sensors are read. */
export function sensorHost(host: Host, job: Job): Host {
  return job.lab === undefined ? host : labHost(host, job.lab);
}

/**
 * Finds the sensors that the suite has a use for, and writes into the journal what they are, and what is there but cannot be read.
 */
export async function sense(at: Context): Promise<Sensed> {
  const { job, journal } = at;
  const host = sensorHost(at.host, job);
  const settings = job.sensors ?? {};
  const { energy, gate } = job.suite;
  const none: Sensed = { host, settings, sources: [], temperatures: [], frequencies: [], alarms: { pi: false, android: false } };
  if (job.lab !== undefined) at.flag('lab', `sensors are those of ${job.lab}`);
  if (!energy && !gate) return none;
  const { sources, gauges, problems } = await findSensors(host, settings);
  for (const { name, scope, detail, period, refresh } of sources)
    journal.write({
      kind: 'sensor',
      source: name,
      scope,
      detail,
      period: settings.period ?? period,
      refresh,
      reader: 'device',
      lab: job.lab !== undefined,
    });
  for (const problem of problems) journal.write({ kind: 'log', text: problem });
  const clocks = gauges.filter(({ kind }) => kind === 'frequency');
  const firmware = clocks.filter(({ cpus }) => cpus === undefined);
  return {
    ...{ ...none, sources, temperatures: gauges.filter(({ kind, label }) => kind === 'temperature' && label !== 'battery') },
    frequencies: firmware.length > 0 ? firmware : clocks,
    alarms: { pi: (await piState(host)) !== null, android: (await thermalStatus(host)) !== null },
  };
}

/** The clocks of these CPUs alone ("0-3,6"; "" for all). */
export function clocksOf(gauges: readonly Gauge[], cpus: string): Gauge[] {
  const used = cpuSet(cpus);
  return gauges.filter((gauge) => gauge.cpus === undefined || used.size === 0 || gauge.cpus.some((cpu) => used.has(cpu)));
}

export function cpuSet(cpus: string): Set<number> {
  const found = new Set<number>();
  for (const range of cpus.split(',').filter(Boolean)) {
    const [from = 0, to = from] = range.split('-').map(Number);
    for (let cpu = from; cpu <= to && found.size < 4096; cpu++) found.add(cpu);
  }
  return found;
}
