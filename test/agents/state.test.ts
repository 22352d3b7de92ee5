import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gate } from '../../agents/gate.ts';
import type { Context } from '../../agents/launch.ts';
import type { Sensed } from '../../agents/sensed.ts';
import type { Gauge } from '../../agents/sensors/sensor.ts';
import { alarmsOf, batteryOf, causes, stateOf } from '../../agents/state.ts';
import { FLAGS } from '../../src/core/flags.ts';
import type { Host } from '../../src/core/host.ts';
import type { JournalEntry } from '../../src/core/journal.ts';
import { Suite } from '../../src/core/suite.ts';
import { type Answer, machine, recordedSample } from '../support/machine.ts';

interface Made {
  files: Record<string, string>;
  programs: Record<string, Answer>;
}

/** The flags that come of a machine that changes like this between two looks. */
async function raised(before: Partial<Made>, after: Partial<Made>): Promise<string[]> {
  const first = await stateOf(machine(before));
  const second = await stateOf(machine(after));
  return causes(first, second).map(({ flag, evidence }) => `${flag}: ${evidence}`);
}

const pi = (bits: string) => ({ programs: { 'vcgencmd get_throttled': `throttled=${bits}\n` } });

test('firmware alarms: what is now counts, what has been counts only where it is new', async () => {
  assert.deepEqual(await raised(pi('0x0'), pi('0x0')), []);
  assert.deepEqual(await raised(pi('0xe0000'), pi('0xe0000')), [], 'sticky bits of another time prove nothing');
  assert.deepEqual(await raised(pi('0x0'), pi('0x50000')), [
    'undervolted: get_throttled reports under-voltage',
    'throttled: get_throttled reports throttled',
  ]);
  assert.deepEqual(await raised(pi('0x80008'), pi('0x80000')), ['throttled: get_throttled reports hot'], 'it was so when measuring began');
  assert.deepEqual(await raised(pi('0x50000'), pi('0x50005')), [
    'undervolted: get_throttled reports under-voltage',
    'throttled: get_throttled reports throttled',
  ]);
});

test('the voltage alarm without vcgencmd', async () => {
  const alarm = (value: number) => ({
    files: { '/sys/class/hwmon/hwmon1/name': 'rpi_volt\n', '/sys/class/hwmon/hwmon1/in0_lcrit_alarm': `${value}\n` },
  });
  assert.deepEqual(await raised(alarm(0), alarm(0)), []);
  assert.deepEqual(await raised(alarm(0), alarm(1)), ['undervolted: in0_lcrit_alarm is set']);
});

test('throttle counters that grew', async () => {
  const cpu = (count: number) => ({ files: { '/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count': `${count}\n` } });
  assert.deepEqual(await raised(cpu(41), cpu(41)), []);
  assert.deepEqual(await raised(cpu(41), cpu(44)), ['throttled: thermal_throttle counted 3 events']);
});

test('Android and a Mac that throttle, before or after', async () => {
  const cool = recordedSample('dumpsys-thermal.txt');
  const android = (status: number) => ({
    programs: { '/system/bin/dumpsys thermalservice': cool.replace('Thermal Status: 0', `Thermal Status: ${status}`) },
  });
  assert.deepEqual(await raised(android(0), android(0)), []);
  assert.deepEqual(await raised(android(0), android(2)), ['throttled: the thermal status of Android is 2 (moderate)']);
  assert.deepEqual(await raised(android(1), android(1)), ['throttled: the thermal status of Android is 1 (light)']);
  const mac = (percent: number) => ({
    programs: { 'pmset -g therm': recordedSample('pmset-therm.txt').replace(/Limit \t= 100\n$/, `Limit \t= ${percent}\n`) },
  });
  assert.deepEqual(await raised(mac(100), mac(100)), []);
  assert.deepEqual(await raised(mac(100), mac(70)), ['throttled: pmset reports a CPU speed limit of 70 %']);
  const who = { pi: true, android: true };
  assert.deepEqual(await alarmsOf(machine(android(3)), who), [{ flag: 'throttled', evidence: 'the thermal status of Android is 3 (severe)' }]);
  assert.deepEqual(
    (await alarmsOf(machine(pi('0x50005')), who)).map(({ flag, evidence }) => `${flag}: ${evidence}`),
    ['undervolted: get_throttled reported undervolted', 'throttled: get_throttled reported throttled'],
  );
  assert.deepEqual(await alarmsOf(machine(pi('0x50000')), who), []);
});

test('the charger: of its supply, of the battery, of Android; a change is flagged', async () => {
  const supply = (name: string, ...lines: string[]) => ({
    [`/sys/class/power_supply/${name}/uevent`]: lines.map((line) => `POWER_SUPPLY_${line}\n`).join(''),
  });
  const battery = (status: string) => supply('BAT0', 'TYPE=Battery', `STATUS=${status}`);
  const laptop = (online: number) => ({ files: { ...supply('AC', 'TYPE=Mains', `ONLINE=${online}`), ...battery('Discharging') } });
  const charger = async (host: Host) => (await batteryOf(host)).charger;
  assert.deepEqual(await raised(laptop(0), laptop(0)), []);
  assert.deepEqual(await raised({ files: battery('Discharging') }, { files: battery('Charging') }), [
    'charger-changed: the charger was unplugged before and is plugged',
    'charging: a battery was being charged before or after the requests',
  ]);
  assert.deepEqual(await raised({ files: battery('Charging') }, { files: battery('Charging') }), [
    'charging: a battery was being charged before and after the requests',
  ]);
  const dumpsys = (status: string) => ({
    '/system/bin/dumpsys battery': recordedSample('dumpsys-battery.txt').replace('status: 5', `status: ${status}`),
  });
  assert.deepEqual(await batteryOf(machine({ programs: dumpsys('2') })), { charger: 'plugged', charging: true });
  assert.deepEqual(await batteryOf(machine({ programs: dumpsys('5') })), { charger: 'plugged', charging: false });
  assert.deepEqual(await raised(laptop(0), laptop(1)), ['charger-changed: the charger was unplugged before and is plugged']);
  assert.equal(await charger(machine({ files: battery('Discharging') })), 'unplugged');
  assert.equal(await charger(machine({ files: battery('Not charging') })), 'plugged');
  assert.equal(await charger(machine({ files: battery('Unknown') })), null);
  assert.equal(await charger(machine({ files: supply('AC', 'TYPE=Mains', 'ONLINE=1') })), null, 'a PC without a battery');
  assert.equal(await charger(machine({ programs: { 'termux-battery-status': recordedSample('termux.json') } })), 'unplugged');
  assert.equal(await charger(machine({ programs: { '/system/bin/dumpsys battery': recordedSample('dumpsys-battery.txt') } })), 'plugged');
  assert.equal(await charger(machine({ programs: { 'pmset -g batt': recordedSample('pmset-batt.txt') } })), 'unplugged');
  assert.equal(await charger(machine({})), null);
});

test('a clock that is not held, where the governor always asks for the highest', async () => {
  const cpu = (governor: string, states: string) => ({
    files: Object.fromEntries(
      Object.entries({ affected_cpus: '0 1', scaling_governor: governor, cpuinfo_max_freq: '2400000', 'stats/time_in_state': states }).map(
        ([name, text]) => [`/sys/devices/system/cpu/cpufreq/policy0/${name}`, `${text}\n`],
      ),
    ),
  });
  assert.deepEqual(await raised(cpu('performance', '1500000 100\n2400000 0'), cpu('performance', '1500000 101\n2400000 9000')), []);
  assert.deepEqual(await raised(cpu('performance', '1500000 100\n2400000 0'), cpu('performance', '1500000 1100\n2400000 9000')), [
    'clock-below-target: time_in_state: 10.0 of 100.0 s below 95 % of the highest clock',
  ]);
  assert.deepEqual(await raised(cpu('schedutil', '1500000 0\n2400000 0'), cpu('schedutil', '1500000 9000\n2400000 10')), ['governor: schedutil']);
});

test('every flag that a device can raise is in the table, with a rule', () => {
  const rule = Object.fromEntries(FLAGS.map(({ name, invalid }) => [name, invalid]));
  for (const name of ['throttled', 'undervolted', 'clock-below-target', 'charger-changed', 'swapped', 'major-faults-in-decode', 'busy', 'lab'])
    assert.equal(rule[name], true, name);
  for (const name of ['hot-start', 'busy-start', 'governor', 'sampling-overhead', 'energy-missing', 'idle-drift', 'charging'])
    assert.equal(rule[name], false, name);
});

/** A gate at a machine whose temperature and load go through these values, one a look. */
async function gated(limits: object, temperatures: number[], busy: number[]): Promise<{ flags: string[]; waits: string[] }> {
  const ticks = { total: 0, used: 0 };
  const load = () => {
    ticks.total += 1000;
    ticks.used += 1000 * (busy.length > 1 ? (busy.shift() as number) : (busy[0] as number));
    return `cpu  ${Math.round(ticks.used)} 0 0 ${Math.round(ticks.total - ticks.used)} 0 0 0 0 0 0\n`;
  };
  const files = {
    get '/proc/stat'() {
      return load();
    },
  };
  const gauge: Gauge = {
    label: 'cpu',
    kind: 'temperature',
    read: async () => (temperatures.length > 1 ? temperatures.shift() : temperatures[0]) ?? null,
  };
  const sensed: Sensed = {
    host: machine({ files }),
    settings: {},
    sources: [],
    temperatures: [gauge],
    frequencies: [],
    alarms: { pi: false, android: false },
  };
  const suite = Suite.parse({
    name: 'x',
    version: 1,
    title: 't',
    model: 'm',
    prompts: [{ id: 'a', text: 'x', max_tokens: 1 }],
    warmup: 0,
    repetitions: 1,
    gate: limits,
  });
  const flags: string[] = [];
  const waits: string[] = [];
  let elapsed = 0;
  const context = {
    host: sensed.host,
    job: { suite },
    signal: new AbortController().signal,
    own: () => 0,
    elapsed: () => elapsed++,
    flag: (flag: string, evidence: string) => flags.push(`${flag}: ${evidence}`),
    journal: { write: (entry: JournalEntry) => entry.kind === 'log' && waits.push(entry.text) },
  };
  await gate(context as unknown as Context, sensed);
  return { flags, waits };
}

test('the gate waits for a device to cool down and to be quiet, and says what was not reached', async () => {
  const [cool, late] = await Promise.all([
    gated({ temperature: 60, wait: 100 }, [71, 58], [0, 0.2, 0, 0, 0]),
    gated({ temperature: 60, wait: 0 }, [71.25], [0, 0.4]),
  ]);
  assert.deepEqual(cool.flags, []);
  assert.equal(cool.waits.length, 1);
  assert.match(cool.waits[0] ?? '', /^waiting: other programs use 20\.0 % of the processor; the processor has 71\.0 °C, the ceiling is 60 °C$/);
  assert.match(
    late.flags.join('|'),
    /^busy-start: other programs use 40\.0 % of the processor after \d s of waiting\|hot-start: the processor has 71\.3 °C, .*/,
  );
});
