import type { FlagName } from '../src/core/flags.ts';
import type { Host } from '../src/core/host.ts';
import { chargerOf as chargerOfSupplies, ueventOf } from '../src/core/supply.ts';
import { type Policy, policies, statesOf } from './sensors/cpufreq.ts';
import { dumpsysBattery } from './sensors/dumpsys.ts';
import { ask, names, read, readNumber } from './sensors/reading.ts';
import { termuxBattery } from './sensors/termux.ts';
import { throttleCount } from './sensors/thermal.ts';
import { type PiState, piState } from './sensors/vcgencmd.ts';

/** What a device tells of its own condition, before and after it is measured. Null where it does not tell. */
export interface State {
  pi: PiState | null;
  /** A Raspberry Pi's voltage alarm, for those without vcgencmd. */
  lowVoltage: boolean | null;
  throttles: number | null;
  charger: 'plugged' | 'unplugged' | null;
  governors: string[];
  /** Seconds below 95 % of the highest clock, and in all, where the governor never asks for less. */
  slow: { below: number; all: number } | null;
}

export interface Cause {
  flag: FlagName;
  evidence: string;
}

/** Share of the clock that must be held, and share of the time it may be missed for. */
export const CLOCK = { share: 0.95, time: 0.02 };

export async function stateOf(host: Host): Promise<State> {
  const all = await policies(host);
  const [pi, lowVoltage, throttles, charger, slow] = await Promise.all([
    piState(host),
    voltageAlarm(host),
    throttleCount(host),
    chargerOf(host),
    slowness(host, all),
  ]);
  return { pi, lowVoltage, throttles, charger, slow, governors: [...new Set(all.flatMap(({ governor }) => governor ?? []))].sort() };
}

/** What went wrong between two looks. A sticky bit of the firmware that was set before proves nothing. */
export function causes(before: State, after: State): Cause[] {
  const found: Cause[] = [];
  const fresh = (alarm: PiState['now'][number]) =>
    after.pi?.now.includes(alarm) || before.pi?.now.includes(alarm) || (after.pi?.ever.includes(alarm) && !before.pi?.ever.includes(alarm));
  if (fresh('undervolted')) found.push({ flag: 'undervolted', evidence: 'get_throttled reports under-voltage' });
  else if (before.pi === null && (before.lowVoltage || after.lowVoltage)) found.push({ flag: 'undervolted', evidence: 'in0_lcrit_alarm is set' });
  const hot = (['capped', 'throttled', 'hot'] as const).filter(fresh);
  if (hot.length > 0) found.push({ flag: 'throttled', evidence: `get_throttled reports ${hot.join(', ')}` });
  const throttles = before.throttles !== null && after.throttles !== null ? after.throttles - before.throttles : 0;
  if (throttles > 0) found.push({ flag: 'throttled', evidence: `thermal_throttle counted ${throttles} events` });
  if (before.charger !== null && after.charger !== null && before.charger !== after.charger)
    found.push({ flag: 'charger-changed', evidence: `the charger was ${before.charger} before and is ${after.charger}` });
  const [a, b] = [before.slow, after.slow];
  const all = a && b ? b.all - a.all : 0;
  const below = a && b ? b.below - a.below : 0;
  if (all > 1 && below > CLOCK.time * all) {
    const evidence = `time_in_state: ${below.toFixed(1)} of ${all.toFixed(1)} s below ${CLOCK.share * 100} % of the highest clock`;
    found.push({ flag: 'clock-below-target', evidence });
  }
  const lazy = after.governors.filter((governor) => governor !== 'performance');
  if (lazy.length > 0) found.push({ flag: 'governor', evidence: lazy.join(', ') });
  return found;
}

async function voltageAlarm(host: Host): Promise<boolean | null> {
  for (const entry of (await names(host, '/sys/class/hwmon')).filter((name) => /^hwmon\d+$/.test(name))) {
    const folder = `/sys/class/hwmon/${entry}`;
    if ((await read(host, `${folder}/name`)) !== 'rpi_volt') continue;
    const alarm = await readNumber(host, `${folder}/in0_lcrit_alarm`);
    return alarm === null ? null : alarm !== 0;
  }
  return null;
}

const SUPPLY = '/sys/class/power_supply';

/** Whether a charger is plugged in: of mains and USB supplies, else of the battery's own word, else as Android tells. Null without a battery. */
export async function chargerOf(host: Host): Promise<State['charger']> {
  const entries = await names(host, SUPPLY);
  const told = await Promise.all(entries.map(async (name) => ueventOf((await read(host, `${SUPPLY}/${name}/uevent`)) ?? '')));
  const known = chargerOfSupplies(told);
  if (known !== null) return known;
  const termux = termuxBattery((await ask(host, ['termux-battery-status'])).stdout);
  if (termux?.plugged) return termux.plugged === 'UNPLUGGED' ? 'unplugged' : 'plugged';
  const android = dumpsysBattery((await ask(host, ['/system/bin/dumpsys', 'battery'])).stdout);
  if (android.size === 0) return null;
  return [...android].some(([key, value]) => / powered$/.test(key) && value === 'true') ? 'plugged' : 'unplugged';
}

/** Only where the governor always asks for the highest clock is less of it the device's own doing; firmware of a Raspberry Pi hides it. */
async function slowness(host: Host, all: readonly Policy[]): Promise<State['slow']> {
  if (all.length === 0 || all.some(({ governor }) => governor !== 'performance')) return null;
  let [below, sum] = [0, 0];
  for (const policy of all) {
    for (const [clock, seconds] of await statesOf(host, policy)) {
      sum += seconds;
      if (policy.highest !== null && clock < CLOCK.share * policy.highest) below += seconds;
    }
  }
  return sum > 0 ? { below, all: sum } : null;
}
