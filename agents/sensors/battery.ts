import type { Host } from '../../src/core/host.ts';
import type { SensorSettings } from '../../src/core/sensor_settings.ts';
import { powerOf, type Reading, type Source, silent } from '../../src/core/source.ts';
import { ueventOf } from '../../src/core/supply.ts';
import { CurrentUnit } from './current.ts';
import { names, numberOf, read, tryRead } from './reading.ts';
import type { Found, Sensor } from './sensor.ts';

/** Batteries of laptops and phones: /sys/class/power_supply. While one is charged it says nothing of what the device takes. */

const ROOT = '/sys/class/power_supply';
/** A laptop's: micro-units by contract, a new value every second or slower. */
const LAPTOP = /^(BAT|CMB|macsmc-battery)/;
/** A phone's gauge, the best one first; unit and sign of its current differ by maker. */
const PHONE = ['battery', 'bms', 'main-battery'];

/** Watts a laptop's battery gives; a sentence where it gives none or does not say. The sign of power and current is not kept to: the status counts. */
export function dischargeOf(battery: ReadonlyMap<string, string>): Reading {
  const status = battery.get('STATUS') ?? 'Unknown';
  if (status !== 'Discharging') return silent(`the battery is not discharging (${status}): it says nothing of what the device takes`);
  const power = numberOf(battery.get('POWER_NOW'));
  if (power !== null) return powerOf(Math.abs(power) / 1e6);
  const [current, voltage] = [numberOf(battery.get('CURRENT_NOW')), numberOf(battery.get('VOLTAGE_NOW'))];
  if (current === null || voltage === null) return silent('the battery tells neither power nor current');
  return powerOf((Math.abs(current) * voltage) / 1e12);
}

export const battery: Sensor = {
  name: 'battery',
  async find(host: Host, settings: SensorSettings): Promise<Partial<Found>> {
    const entries = await names(host, ROOT);
    const laptop = entries.filter((name) => LAPTOP.test(name));
    if (laptop.length > 0) {
      const told = await Promise.all(laptop.map((name) => uevent(host, name)));
      const own = laptop.filter(
        (_, i) => told[i]?.get('TYPE') === 'Battery' && told[i]?.get('SCOPE') !== 'Device' && told[i]?.get('PRESENT') !== '0',
      );
      return own.length > 0 ? { sources: [laptopSource(host, own)] } : {};
    }
    const phone = PHONE.find((name) => entries.includes(name));
    if (phone !== undefined) {
      const { text, denied } = await tryRead(host, `${ROOT}/${phone}/uevent`);
      if (denied) return { problems: [`${ROOT}/${phone} may not be read by apps on this phone; install Termux:API and pkg install termux-api`] };
      const told = ueventOf(text ?? '');
      if (told.has('CURRENT_NOW') && told.has('VOLTAGE_NOW')) return { sources: [phoneSource(host, phone, settings)] };
    }
    return {};
  },
};

async function uevent(host: Host, name: string): Promise<Map<string, string> | null> {
  const text = await read(host, `${ROOT}/${name}/uevent`); // one read: a consistent picture
  return text === null ? null : ueventOf(text);
}

function laptopSource(host: Host, batteries: readonly string[]): Source {
  return {
    name: 'battery',
    scope: 'system_battery',
    detail: batteries.join(' + '),
    period: 0.3,
    refresh: 1,
    async read() {
      const told = await Promise.all(batteries.map((name) => uevent(host, name)));
      if (told.some((one) => one === null)) return silent('the battery cannot be read any more');
      const readings = (told as Map<string, string>[]).map((one) => ({ status: one.get('STATUS'), reading: dischargeOf(one) }));
      if (readings.some(({ status }) => status === 'Charging')) return silent('a battery is being charged');
      const giving = readings.filter(({ status }) => status === 'Discharging');
      if (giving.length === 0) return (readings[0] as { reading: Reading }).reading;
      const mute = giving.find(({ reading }) => reading.watts === null);
      return mute ? mute.reading : powerOf(giving.reduce((sum, { reading }) => sum + (reading.watts as number), 0));
    },
    close: async () => {},
  };
}

function phoneSource(host: Host, name: string, settings: SensorSettings): Source {
  const unit = new CurrentUnit(settings.battery);
  return {
    name: 'phone-battery',
    scope: 'system_battery',
    get detail() {
      return `${ROOT}/${name}, current in ${unit.name}`;
    },
    period: 0.25,
    refresh: 1,
    async read() {
      const told = await uevent(host, name);
      const [current, voltage] = [numberOf(told?.get('CURRENT_NOW')), numberOf(told?.get('VOLTAGE_NOW'))];
      if (current === null || voltage === null) return silent('the battery gauge gave no current');
      return unit.power(current, voltage / 1e6, told?.get('STATUS') ?? null);
    },
    close: async () => {},
  };
}
