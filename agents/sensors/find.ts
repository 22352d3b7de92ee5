import type { Host } from '../../src/core/host.ts';
import { scopeRank } from '../../src/core/scope.ts';
import type { SensorSettings } from '../../src/core/sensor_settings.ts';
import { battery } from './battery.ts';
import { cpufreq } from './cpufreq.ts';
import { dumpsys } from './dumpsys.ts';
import { estimate } from './estimate.ts';
import { hwmon } from './hwmon.ts';
import { ina3221x, tegrastats } from './jetson.ts';
import { ioreg, powermetrics } from './macos.ts';
import { pmic } from './pmic.ts';
import { rapl } from './rapl.ts';
import type { Found, Sensor } from './sensor.ts';
import { termux } from './termux.ts';
import { thermal } from './thermal.ts';
import { vcgencmd } from './vcgencmd.ts';

/** One row a sensor. Of gauges of one kind the first that is found counts as the more trustworthy. */
export const SENSORS: readonly Sensor[] = [
  ...[pmic, vcgencmd, ina3221x, tegrastats, hwmon, rapl, battery, termux, powermetrics, ioreg],
  ...[dumpsys, thermal, cpufreq, estimate],
];

/** Everything a device has that can be read, the sources of the widest scope first. A sensor that fails is a problem told, never the end. */
export async function findSensors(host: Host, settings: SensorSettings = {}): Promise<Found> {
  const found: Found = { sources: [], gauges: [], problems: [] };
  const parts = await Promise.all(
    SENSORS.map((sensor) =>
      sensor.find(host, settings).catch((error: Error): Partial<Found> => ({ problems: [`${sensor.name}: ${error.message}`] })),
    ),
  );
  for (const { sources = [], gauges = [], problems = [] } of parts) {
    found.sources.push(...sources);
    found.gauges.push(...gauges);
    found.problems.push(...problems);
  }
  found.sources.sort((a, b) => scopeRank(a.scope) - scopeRank(b.scope));
  return found;
}
