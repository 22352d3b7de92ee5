import type { SensorSettings } from '../../src/core/sensor_settings.ts';
import { powerOf, type Reading, silent } from '../../src/core/source.ts';

/** What a phone under load can take, W: a current that gives less or more is in another unit. The bounds are less than 1000 apart. */
const [LEAST, MOST] = [0.05, 40];

/** The unit of a phone's battery current: told by the device's file, or found out from the first reading of a phone that runs on its battery. */
export class CurrentUnit {
  readonly #told: SensorSettings['battery'];
  #ampere: number | null;

  constructor(told: SensorSettings['battery']) {
    this.#told = told;
    this.#ampere = told ? (told.unit === 'uA' ? 1e6 : 1e3) : null;
  }

  get name(): string {
    if (this.#ampere === null) return 'a unit not yet known';
    return `${this.#ampere === 1e6 ? 'uA' : 'mA'}${this.#told ? '' : ' (found out)'}`;
  }

  /** Power of a raw current at a voltage (V). A status word decides whether the battery gives; without one the sign that was told does. */
  power(current: number, volts: number, status: string | null): Reading {
    const word = status?.toUpperCase().replaceAll(' ', '_') ?? 'UNKNOWN';
    const { discharging } = this.#told ?? {};
    const gives = word === 'UNKNOWN' ? discharging !== undefined && current < 0 === (discharging === 'negative') : word === 'DISCHARGING';
    if (!gives) {
      const what = word === 'UNKNOWN' ? 'the phone does not say whether it is charged' : `the battery is not discharging (${status})`;
      return silent(`${what}: its current says nothing of what the phone takes`);
    }
    this.#ampere ??= [1e6, 1e3].find((ampere) => within((Math.abs(current) / ampere) * volts)) ?? null;
    if (this.#ampere === null) return silent(`a current of ${current} at ${volts} V is no phone's, in uA or in mA`);
    return powerOf((Math.abs(current) / this.#ampere) * volts);
  }
}

function within(watts: number): boolean {
  return watts >= LEAST && watts <= MOST;
}
