import type { FlagName } from '../src/core/flags.ts';
import type { Host } from '../src/core/host.ts';
import { chargerOf, isCharging, ueventOf } from '../src/core/supply.ts';
import { type Policy, policies, statesOf } from './sensors/cpufreq.ts';
import { dumpsysBattery, dumpsysStatus, THERMAL_STATUS, thermalStatus } from './sensors/dumpsys.ts';
import { macBattery, macSpeedLimit } from './sensors/macos.ts';
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
  /** Of Android, a place in THERMAL_STATUS: above 0 it throttles. */
  thermalStatus: number | null;
  /** Of a Mac: percent of their speed that its processors may have. */
  speedLimit: number | null;
  charger: 'plugged' | 'unplugged' | null;
  /** A battery takes power for itself. */
  charging: boolean | null;
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
  const [pi, lowVoltage, throttles, status, speedLimit, battery, slow] = await Promise.all([
    piState(host),
    voltageAlarm(host),
    throttleCount(host),
    thermalStatus(host),
    macSpeedLimit(host),
    batteryOf(host),
    slowness(host, all),
  ]);
  const governors = [...new Set(all.flatMap(({ governor }) => governor ?? []))].sort();
  return { pi, lowVoltage, throttles, thermalStatus: status, speedLimit, ...battery, slow, governors };
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
  for (const status of new Set([before.thermalStatus, after.thermalStatus]))
    if (status !== null && status > 0) found.push({ flag: 'throttled', evidence: throttlingOf(status) });
  const limit = Math.min(before.speedLimit ?? 100, after.speedLimit ?? 100);
  if (limit < 100) found.push({ flag: 'throttled', evidence: `pmset reports a CPU speed limit of ${limit} %` });
  if (before.charger !== null && after.charger !== null && before.charger !== after.charger)
    found.push({ flag: 'charger-changed', evidence: `the charger was ${before.charger} before and is ${after.charger}` });
  const charging = [before, after].filter((state) => state.charging).length;
  if (charging > 0)
    found.push({ flag: 'charging', evidence: `a battery was being charged before ${charging === 2 ? 'and' : 'or'} after the requests` });
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

/** Alarms that hold at this moment, of those who tell them: asked for again and again while a device is sampled. */
export async function alarmsOf(host: Host, { pi, android }: { pi: boolean; android: boolean }): Promise<Cause[]> {
  const [state, status] = await Promise.all([pi ? piState(host) : null, android ? thermalStatus(host) : null]);
  const found = (state?.now ?? []).map((alarm): Cause => {
    return { flag: alarm === 'undervolted' ? 'undervolted' : 'throttled', evidence: `get_throttled reported ${alarm}` };
  });
  return status !== null && status > 0 ? [...found, { flag: 'throttled', evidence: throttlingOf(status) }] : found;
}

function throttlingOf(status: number): string {
  return `the thermal status of Android is ${status} (${THERMAL_STATUS[status] ?? 'unknown'})`;
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

/** Whether a charger is plugged in, and charges: of mains and USB supplies, else of the battery's own word, else as macOS or Android tell. */
export async function batteryOf(host: Host): Promise<Pick<State, 'charger' | 'charging'>> {
  const entries = await names(host, SUPPLY);
  const told = await Promise.all(entries.map(async (name) => ueventOf((await read(host, `${SUPPLY}/${name}/uevent`)) ?? '')));
  const known = chargerOf(told);
  if (known !== null) return { charger: known, charging: isCharging(told) };
  const mac = await macBattery(host);
  if (mac !== null) return mac;
  const termux = termuxBattery((await ask(host, ['termux-battery-status'])).stdout);
  if (termux?.plugged) return { charger: termux.plugged === 'UNPLUGGED' ? 'unplugged' : 'plugged', charging: termux.status === 'CHARGING' };
  const text = (await ask(host, ['/system/bin/dumpsys', 'battery'])).stdout;
  const android = dumpsysBattery(text);
  if (android.size === 0) return { charger: null, charging: null };
  const plugged = [...android].some(([key, value]) => / powered$/.test(key) && value === 'true');
  return { charger: plugged ? 'plugged' : 'unplugged', charging: dumpsysStatus(text) === 'charging' };
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
