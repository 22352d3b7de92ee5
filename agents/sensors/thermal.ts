import { isProcessorZone, zoneTemperature } from '../../src/core/heat.ts';
import type { Host } from '../../src/core/host.ts';
import { names, read, readNumber } from './reading.ts';
import type { Found, Gauge, Sensor } from './sensor.ts';

/** Temperatures of processors as Linux tells them: thermal zones, and the hwmon drivers of PCs. */

const ZONES = '/sys/class/thermal';
const HWMON = '/sys/class/hwmon';
const CHIPS: Record<string, RegExp> = { coretemp: /^Package/, k10temp: /^T(ctl|die)$/, zenpower: /^Tdie$/ };

export const thermal: Sensor = {
  name: 'thermal',
  async find(host: Host): Promise<Partial<Found>> {
    const gauge = (label: string, path: string): Gauge => ({
      ...{ label, kind: 'temperature' },
      async read() {
        const raw = await readNumber(host, path);
        return raw === null ? null : zoneTemperature(raw);
      },
    });
    const gauges: Gauge[] = [];
    for (const entry of (await names(host, ZONES)).filter((name) => /^thermal_zone\d+$/.test(name))) {
      const type = await read(host, `${ZONES}/${entry}/type`);
      if (type !== null && isProcessorZone(type)) gauges.push(gauge(type, `${ZONES}/${entry}/temp`));
    }
    for (const entry of (await names(host, HWMON)).filter((name) => /^hwmon\d+$/.test(name))) {
      const wanted = CHIPS[(await read(host, `${HWMON}/${entry}/name`)) ?? ''];
      if (!wanted) continue;
      for (const file of (await names(host, `${HWMON}/${entry}`)).filter((name) => /^temp\d+_label$/.test(name))) {
        const label = await read(host, `${HWMON}/${entry}/${file}`);
        if (label !== null && wanted.test(label)) gauges.push(gauge(label, `${HWMON}/${entry}/${file.replace('label', 'input')}`));
      }
    }
    const readings = await Promise.all(gauges.map((one) => one.read()));
    return { gauges: gauges.filter((_, i) => readings[i] !== null) };
  },
};

const CPUS = '/sys/devices/system/cpu';

/** How often processors throttled themselves since the device was started; a package counts once. Null where Linux does not count (AMD, Arm). */
export async function throttleCount(host: Host): Promise<number | null> {
  const packages = new Set<string>();
  let sum: number | null = null;
  for (const cpu of (await names(host, CPUS)).filter((name) => /^cpu\d+$/.test(name))) {
    const folder = `${CPUS}/${cpu}/thermal_throttle`;
    const core = await readNumber(host, `${folder}/core_throttle_count`);
    if (core === null) return sum; // all have it, or none
    sum = (sum ?? 0) + core;
    const id = (await read(host, `${CPUS}/${cpu}/topology/physical_package_id`)) ?? '0';
    if (packages.has(id)) continue;
    packages.add(id);
    sum += (await readNumber(host, `${folder}/package_throttle_count`)) ?? 0;
  }
  return sum;
}
