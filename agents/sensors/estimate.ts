import type { Host } from '../../src/core/host.ts';
import type { SensorSettings } from '../../src/core/sensor_settings.ts';
import { powerOf, type Source, silent } from '../../src/core/source.ts';
import { machineTicks } from '../proc.ts';
import type { Found, Sensor } from './sensor.ts';

/** The processor's rated power times its utilisation: nothing is measured, and its scope says so. Only where the device's file gives `tdp:`. */
export const estimate: Sensor = {
  name: 'tdp',
  async find(host: Host, { tdp }: SensorSettings): Promise<Partial<Found>> {
    let last = await machineTicks(host);
    if (tdp === undefined || last === null) return {};
    const source: Source = {
      ...{ name: 'tdp', scope: 'estimate', detail: `${tdp} W x utilisation of the processor`, period: 0.5, refresh: 0.5, close: async () => {} },
      async read() {
        const now = await machineTicks(host);
        const before = last;
        last = now;
        if (!now || !before || now.total <= before.total) return silent('/proc/stat did not move');
        return powerOf((tdp * (now.busy - before.busy)) / (now.total - before.total));
      },
    };
    return { sources: [source] };
  },
};
