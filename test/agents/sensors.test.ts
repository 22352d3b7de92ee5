import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroupPeak, processTimes, proportionalSet, residentParts, residentSet, stalled, swapUsed } from '../../agents/proc.ts';
import { cpufreq, policies, targetClock, timeInState } from '../../agents/sensors/cpufreq.ts';
import { dumpsysBattery, dumpsysStatus, thermalService } from '../../agents/sensors/dumpsys.ts';
import { findSensors } from '../../agents/sensors/find.ts';
import { boardPower, tegrastatsOf, tegraTemperatures } from '../../agents/sensors/jetson.ts';
import { ioregPower, macBattery, macSpeedLimit, PowermetricsText, signed } from '../../agents/sensors/macos.ts';
import { railsOf, railWatts } from '../../agents/sensors/pmic.ts';
import { thermal, throttleCount } from '../../agents/sensors/thermal.ts';
import { figureOf, throttledOf } from '../../agents/sensors/vcgencmd.ts';
import { zoneTemperature } from '../../src/core/heat.ts';
import type { SensorSettings } from '../../src/core/sensor_settings.ts';
import { Counter, type Reading, type Source } from '../../src/core/source.ts';
import { ueventOf } from '../../src/core/supply.ts';
import { type Machine, machine, recordedFiles, recordedPrograms, recordedSample } from '../support/machine.ts';

const near = (actual: number | null | undefined, expected: number, tolerance = 1e-6) =>
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) <= tolerance, `${actual} instead of ${expected}`);

/** The only source of a machine. */
async function only(made: Machine, settings: SensorSettings = {}): Promise<Source> {
  const { sources, problems } = await findSensors(machine(made), settings);
  assert.deepEqual(problems, []);
  assert.equal(sources.length, 1, sources.map(({ name }) => name).join());
  return sources[0] as Source;
}

const problemsOf = async (made: Machine) => (await findSensors(machine(made))).problems;

test('a machine without sensors has none, and that is no problem', async () => {
  assert.deepEqual(await findSensors(machine({})), { sources: [], gauges: [], problems: [] });
});

test('Raspberry Pi 5: rails are paired by name; those without a current have no power', async () => {
  near(railWatts(recordedSample('pmic-load.txt')), 10.799894);
  near(railWatts(recordedSample('pmic-idle.txt')), 1.900528);
  const rails = railsOf(recordedSample('pmic-load.txt'));
  assert.equal([...rails.values()].filter(({ amperes }) => amperes !== null).length, 12);
  assert.deepEqual(rails.get('EXT5V'), { volts: 5.06788, amperes: null });
  near((rails.get('VDD_CORE')?.volts ?? 0) * (rails.get('VDD_CORE')?.amperes ?? 0), 9.761433);
  assert.equal(railWatts('VDD_CORE_A current(7)=1A\n'), null, 'a current without its voltage');
  assert.equal(railWatts('error=1 error_msg="Command not registered"'), null);

  const programs = { 'vcgencmd pmic_read_adc': recordedSample('pmic-load.txt') };
  const source = await only({ programs });
  assert.equal(source.scope, 'board_rails_partial');
  near((await source.read()).watts, 10.799894);
  const { sources } = await findSensors(machine({ programs }), { pmic: { slope: 1.1451, offset: 0.5879 } });
  assert.deepEqual(
    sources.map(({ name, scope }) => `${name} ${scope}`),
    ['pmic board_rails_partial', 'pmic-corrected estimate'],
  );
  near((await (sources[1] as Source).read()).watts, 12.9549, 1e-4);
});

test('vcgencmd: its errors, its bits, its figures', async () => {
  const denied = { code: 255, stderr: "Can't open device file: /dev/vcio_gencmd\n" };
  assert.match((await problemsOf({ programs: { 'vcgencmd pmic_read_adc': denied } })).join(), /group video/);
  const old = { 'vcgencmd pmic_read_adc': 'error=1 error_msg="Command not registered"\n' };
  assert.deepEqual(await findSensors(machine({ programs: old })), { sources: [], gauges: [], problems: [] }, 'a Pi 4');
  assert.deepEqual(throttledOf('throttled=0x0\n'), { now: [], ever: [] });
  assert.deepEqual(throttledOf('throttled=0x50000'), { now: [], ever: ['undervolted', 'throttled'] });
  assert.deepEqual(throttledOf('throttled=0x50005'), { now: ['undervolted', 'throttled'], ever: ['undervolted', 'throttled'] });
  assert.deepEqual(throttledOf('throttled=0xe0000'), { now: [], ever: ['capped', 'throttled', 'hot'] });
  assert.equal(throttledOf('throttled='), null);
  assert.equal(figureOf("temp=39.5'C"), 39.5);
  assert.equal(figureOf('frequency(48)=1800457088'), 1800457088);
  assert.equal(figureOf('EXT5V_V volt(24)=5.11746000V'), 5.11746);
  assert.equal(figureOf('error'), null);
  const told = async (recording: string) => {
    const { gauges } = await findSensors(machine({ programs: { 'vcgencmd get_throttled': 'throttled=0x0\n', ...recordedPrograms(recording) } }));
    return Promise.all(gauges.map((gauge) => gauge.read()));
  };
  assert.deepEqual(await told('vcgencmd-pi5.txt'), [82.9, 2256007936]);
  assert.deepEqual(await told('vcgencmd-pi3.txt'), [62.3, 1.4e9]);
  const undervolted = recordedPrograms('vcgencmd-undervolted.txt');
  assert.deepEqual(throttledOf(undervolted['vcgencmd get_throttled'] ?? '')?.now, ['undervolted', 'throttled']);
});

/** The powercap tree of a machine, of "path/file: text" without its root. */
const powercap = (files: Record<string, string | null>) =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [`/sys/class/powercap/${path}`, text]));

/** Names and figures as powercap-info of a Core i5-13500 shows them. */
function recordedZones(): Record<string, string> {
  const files: Record<string, string> = {};
  let zone = '';
  for (const line of recordedSample('powercap-info.txt').split('\n')) {
    const found = /^\s+Zone ([\d:]+)$/.exec(line)?.[1];
    if (found) zone = `intel-rapl:${found}`;
    const [, key, value] = /^\s+(name|energy_uj|max_energy_range_uj): (\S+)$/.exec(line) ?? [];
    if (zone && key && value && !files[`${zone}/${key}`]) files[`${zone}/${key}`] = `${value}\n`;
  }
  return files;
}

test('RAPL: the package and not its parts, with wrap-around', async () => {
  const zones = recordedZones();
  assert.equal(zones['intel-rapl:0:0/name'], 'core\n');
  const files = powercap(zones);
  const source = await only({ files });
  assert.equal(source.scope, 'cpu_package');
  assert.equal(source.detail, 'package-0 (intel-rapl:0)');
  const counter = '/sys/class/powercap/intel-rapl:0/energy_uj';
  const joules = async (raw: number) => {
    files[counter] = `${raw}\n`;
    return (await source.read()).joules;
  };
  assert.equal(await joules(262143328850 - 4e6), 0);
  near(await joules(262143328850 - 1e6), 3);
  near(await joules(2e6), 6, 1e-5);
  assert.ok(((await joules(1e6)) as number) < 0, 'set back by 1 J is no wrap-around: that would be 262 kJ at once');
  delete files[counter];
  assert.deepEqual(await source.read(), { watts: null, joules: null, why: 'a counter cannot be read any more' });
});

test('RAPL: memory is added, mmio is the same package again, psys stands alone', async () => {
  const zone = (path: string, name: string, energy: number) => ({
    [`${path}/name`]: `${name}\n`,
    [`${path}/energy_uj`]: `${energy}\n`,
    [`${path}/max_energy_range_uj`]: '65712999613\n',
  });
  const files = powercap({
    ...zone('intel-rapl-mmio:0', 'package-0', 1),
    ...zone('intel-rapl:0', 'package-0', 52649883221),
    ...zone('intel-rapl:0:0', 'core', 7),
    ...zone('intel-rapl:0:1', 'dram', 1000),
    ...zone('intel-rapl:1', 'psys', 117870082),
    'intel-rapl/enabled': '1\n',
  });
  const { sources } = await findSensors(machine({ files }));
  assert.deepEqual(
    sources.map(({ name, scope, detail }) => [name, scope, detail]),
    [
      ['rapl', 'cpu_package', 'package-0 (intel-rapl:0) + dram (intel-rapl:0:1)'],
      ['rapl-psys', 'soc_estimate', 'psys (intel-rapl:1)'],
    ],
  );
  const source = sources[0] as Source;
  await source.read();
  files['/sys/class/powercap/intel-rapl:0/energy_uj'] = '52650883221\n';
  files['/sys/class/powercap/intel-rapl:0:1/energy_uj'] = '501000\n';
  near((await source.read()).joules, 1.5);
});

test('RAPL: not allowed is another thing than absent, and says what to do', async () => {
  const files = powercap({ ...recordedZones(), 'intel-rapl:0/energy_uj': null });
  const [problem = ''] = await problemsOf({ files });
  assert.match(problem, /intel-rapl:0\/energy_uj may be read by root alone .* sudo chmod o\+r \/sys.*rules\.d/);
});

test('laptop batteries: power, or current times voltage; sign and status; only while they discharge', async () => {
  const path = '/sys/class/power_supply/BAT0/uevent';
  const files = { [path]: recordedSample('battery-thinkpad.uevent') };
  const source = await only({ files });
  assert.equal(source.scope, 'system_battery');
  near((await source.read()).watts, 19.195);
  const change = async (...changes: [RegExp, string][]): Promise<Reading> => {
    files[path] = changes.reduce((text, [from, to]) => text.replace(from, to), recordedSample('battery-thinkpad.uevent'));
    return source.read();
  };
  near((await change([/POWER_NOW=19195000/, 'POWER_NOW=-19195000'])).watts, 19.195);
  near((await change([/POWER_NOW=19195000/, 'CURRENT_NOW=-1712921'])).watts, 1.712921 * 11.206);
  assert.match((await change([/STATUS=Discharging/, 'STATUS=Charging'])).why ?? '', /being charged/);
  const idle = await change([/STATUS=Discharging/, 'STATUS=Not charging'], [/POWER_NOW=\d+/, 'POWER_NOW=0']);
  assert.deepEqual([idle.watts, idle.joules], [null, null], 'on mains a battery says 0, which is no measurement');
  assert.match(idle.why ?? '', /not discharging \(Not charging\)/);
  assert.match((await change([/POWER_NOW=\d+/, 'POWER_AVG=1'])).why ?? '', /neither power nor current/);
});

test('two batteries of one laptop are added; that of a mouse is not', async () => {
  const uevent = (name: string, status: string, power: number, more = '') =>
    `POWER_SUPPLY_NAME=${name}\nPOWER_SUPPLY_TYPE=Battery\nPOWER_SUPPLY_STATUS=${status}\nPOWER_SUPPLY_POWER_NOW=${power}\n${more}`;
  const files = {
    '/sys/class/power_supply/BAT0/uevent': uevent('BAT0', 'Discharging', 4e6),
    '/sys/class/power_supply/BAT1/uevent': uevent('BAT1', 'Discharging', 3e6),
    '/sys/class/power_supply/hidpp_battery_0/uevent': uevent('hidpp', 'Discharging', 1e6, 'POWER_SUPPLY_SCOPE=Device\n'),
  };
  const source = await only({ files });
  near((await source.read()).watts, 7);
  files['/sys/class/power_supply/BAT1/uevent'] = uevent('BAT1', 'Not charging', 0);
  near((await source.read()).watts, 4);
  files['/sys/class/power_supply/BAT1/uevent'] = uevent('BAT1', 'Charging', 3e6);
  assert.equal((await source.read()).watts, null);
});

test('a phone: its gauge has no status, so its sign must be told; unit told or found out', async () => {
  const path = '/sys/class/power_supply/bms/uevent';
  const files = { [path]: recordedSample('battery-mi6.uevent') };
  const mi6 = await only({ files });
  assert.match((await mi6.read()).why ?? '', /does not say whether it is charged/);
  const told = await only({ files }, { battery: { unit: 'uA', discharging: 'negative' } });
  near((await told.read()).watts, 1.202147 * 4.13744);
  assert.equal(told.detail, '/sys/class/power_supply/bms, current in uA');
  files[path] = files[path]?.replace('-1202147', '1202147') as string;
  assert.equal((await told.read()).watts, null, 'charging');

  const gauge = (current: number, status = 'Discharging') => ({
    '/sys/class/power_supply/battery/uevent': `POWER_SUPPLY_STATUS=${status}\nPOWER_SUPPLY_CURRENT_NOW=${current}\nPOWER_SUPPLY_VOLTAGE_NOW=3850000\n`,
  });
  for (const [current, unit] of [
    [412000, 'uA'],
    [-412000, 'uA'],
    [412, 'mA'],
    [-412, 'mA'],
  ] as const) {
    const source = await only({ files: gauge(current) });
    near((await source.read()).watts, 0.412 * 3.85);
    assert.equal(source.detail, `/sys/class/power_supply/battery, current in ${unit} (found out)`);
  }
  assert.match((await (await only({ files: gauge(3) })).read()).why ?? '', /a current of 3 at 3.85 V is no phone's/);
  const frozen = gauge(412);
  const source = await only({ files: frozen });
  await source.read();
  Object.assign(frozen, gauge(1500));
  near((await source.read()).watts, 1.5 * 3.85, 1e-9);
  assert.match((await (await only({ files: gauge(412, 'Full') })).read()).why ?? '', /not discharging \(Full\)/);
  assert.match((await problemsOf({ files: { '/sys/class/power_supply/battery/uevent': null } })).join(), /Termux:API/);
});

test('termux-battery-status: figures and strings, a hang, an app that is not there', async () => {
  const text = recordedSample('termux.json');
  const source = await only({ programs: { 'termux-battery-status': text } });
  near((await source.read()).watts, 4.099 * 0.82);
  assert.match(source.detail, /uA \(found out\)/);
  const { gauges } = await findSensors(machine({ programs: { 'termux-battery-status': text } }));
  assert.equal(await gauges[0]?.read(), 22.3);
  assert.match((await problemsOf({ programs: { 'termux-battery-status': null } })).join(), /did not answer within 5 s: install the app Termux:API/);
  assert.match(
    (await problemsOf({ programs: { 'termux-battery-status': 'oops \u001b[31m' } })).join(),
    /gave no battery status: "oops \\u001b\[31m"/,
  );
  const plugged = await only({ programs: { 'termux-battery-status': text.replace('DISCHARGING', 'CHARGING') } });
  assert.match((await plugged.read()).why ?? '', /not discharging \(CHARGING\)/);
  assert.match((await problemsOf({ programs: { 'termux-battery-status': '{"percentage":3}' } })).join(), /no current or no voltage/);
});

test('dumpsys: battery state without its event log, temperatures as they are now', async () => {
  const battery = recordedSample('dumpsys-battery.txt');
  assert.equal(dumpsysStatus(battery), 'full');
  assert.equal(dumpsysBattery(`${battery}\n[EventLogBuffer]\n  level: 3\n`).get('level'), '100');
  assert.equal(dumpsysBattery('Permission Denial').size, 0);
  const text = recordedSample('dumpsys-thermal.txt');
  assert.deepEqual(thermalService(text), { status: 0, cpu: new Map([['CPU', 57.9]]) }, 'not the cached 84 degrees');
  const { gauges } = await findSensors(machine({ programs: { '/system/bin/dumpsys thermalservice': text } }));
  assert.equal(await gauges[0]?.read(), 57.9);
  const denied = "Permission Denial: can't dump thermalservice from pid=1, uid=10123 due to missing android.permission.DUMP permission\n";
  assert.match((await problemsOf({ programs: { '/system/bin/dumpsys thermalservice': denied } })).join(), /pm grant com.termux/);
  assert.match((await problemsOf({ programs: { '/system/bin/dumpsys thermalservice': null } })).join(), /did not answer in time/);
});

test('hwmon: microwatts, an energy counter, and the buses of an INA3221', async () => {
  const chip = (files: Record<string, string>) =>
    Object.fromEntries(Object.entries(files).map(([name, text]) => [`/sys/class/hwmon/hwmon3/${name}`, `${text}\n`]));
  const ina226 = await only({ files: chip({ name: 'ina226', power1_input: '5120000', in1_input: '5100', curr1_input: '1004' }) });
  near((await ina226.read()).watts, 5.12);
  assert.equal(ina226.scope, 'board_rails_partial');
  const recorded = { ...recordedFiles('hwmon-ina219.txt'), '/sys/class/hwmon/hwmon2/name': 'ina219\n' };
  near((await (await only({ files: recorded })).read()).watts, 0.176);
  const wired = await only({ files: chip({ name: 'ina219', power1_input: '5120000' }) }, { hwmon: { scope: 'dc_input', scale: 0.5 } });
  near((await wired.read()).watts, 2.56);
  assert.equal(wired.scope, 'dc_input');
  const counting = chip({ name: 'ina228', energy1_input: '1000000', power1_input: '7' });
  const ina228 = await only({ files: counting });
  await ina228.read();
  Object.assign(counting, chip({ energy1_input: '1500000' }));
  near((await ina228.read()).joules, 0.5);
  const orin = { name: 'ina3221', in1_label: 'VDD_IN', in1_input: '5080', curr1_input: '896', in2_label: 'VDD_CPU_GPU_CV', in2_input: '5080' };
  const ina3221 = await only({ files: chip({ ...orin, curr2_input: '96', in4_input: '99', curr4_input: '992', in7_input: '1' }) });
  near((await ina3221.read()).watts, 5.08 * 0.896);
  assert.deepEqual([ina3221.scope, ina3221.detail], ['dc_input', 'ina3221 (VDD_IN)'], 'its input holds the other rails');
  const off = chip({ ...orin, in1_label: 'VDD_GPU_SOC', in2_label: 'VIN_SYS_5V0', curr2_input: '96', in3_label: 'VDD_2', curr3_input: '7' });
  const agx = await only({ files: { ...off, '/sys/class/hwmon/hwmon3/in3_input': null } });
  near((await agx.read()).watts, 5.08 * (0.896 + 0.096));
  assert.deepEqual(
    [agx.scope, agx.detail],
    ['board_rails_partial', 'ina3221 (VDD_GPU_SOC + VIN_SYS_5V0)'],
    'a channel that is switched off is none, and the 5 V of the carrier board holds no other rail',
  );
  assert.deepEqual(
    (await findSensors(machine({ files: chip({ name: 'amdgpu', power1_input: '9000000' }) }))).sources,
    [],
    'a graphics card is no device',
  );
});

test('Jetson: tegrastats now and not its mean, and the milliwatts of JetPack 4', async () => {
  const line = recordedSample('tegrastats-orin.txt').trim();
  assert.deepEqual(
    [...tegrastatsOf(line)],
    [
      ['VDD_IN', 4.556],
      ['VDD_CPU_GPU_CV', 0.483],
      ['VDD_SOC', 1.451],
    ],
  );
  assert.equal(tegrastatsOf('VDD_IN 4541mW/9999mW').get('VDD_IN'), 4.541);
  assert.equal(boardPower(tegrastatsOf('POM_5V_IN 1234/1300 POM_5V_GPU 0/0 POM_5V_CPU 123/123'))?.watts, 1.234);
  const agx = boardPower(tegrastatsOf('VDD_GPU_SOC 3188mW/3188mW VDD_CPU_CV 1195mW/1195mW VIN_SYS_5V0 3229mW/3229mW'));
  assert.equal(agx?.scope, 'board_rails_partial');
  near(agx?.watts, 7.612);
  assert.equal(tegraTemperatures(`${line} CV0@-256C`).has('CV0'), false);
  const { sources, gauges } = await findSensors(
    machine({ programs: { 'tegrastats --interval 100': `${line}\n${line.replace('4556mW/', '9000mW/')}` } }),
  );
  const source = sources[0] as Source;
  assert.equal(source.scope, 'dc_input');
  assert.deepEqual([(await source.read()).watts, (await source.read()).watts], [4.556, 9]);
  assert.match((await source.read()).why ?? '', /no more readings/);
  assert.deepEqual(
    gauges.map(({ label }) => label),
    ['cpu', 'tj'],
  );
  const iio = '/sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0';
  const nano = await only({ files: { [`${iio}/rail_name_0`]: 'POM_5V_IN\n', [`${iio}/in_power0_input`]: '2345\n' } });
  near((await nano.read()).watts, 2.345);
});

test('powermetrics: blocks add up to a counter; the first one is about the time before', () => {
  const text = recordedSample('powermetrics-m3.txt');
  const take = (blocks: readonly string[]) => {
    const parser = new PowermetricsText();
    return blocks.flatMap((block) => block.split('\n').flatMap((line) => parser.take(line) ?? []));
  };
  const readings = take([text, text, text]);
  assert.deepEqual(
    readings.map(({ watts }) => watts),
    [0.125, 0.125, 0.125],
  );
  assert.equal(readings[0]?.joules, 0);
  near(readings[2]?.joules, 2 * 0.125 * 1.00341);
  const header = '*** Sampled system activity (Tue Dec  9 13:31:03 2025 -0600) (1000.00ms elapsed) ***';
  assert.equal(take([`${header}\n${recordedSample('powermetrics-m1-tail.txt')}`])[0]?.watts, 31.688, 'older systems tell the package');
  assert.equal(take([`${header}\nIntel energy model derived package power (CPUs+GT+SA): 48.61W`])[0]?.watts, 48.61);
  assert.deepEqual(take(['Combined Power (CPU + GPU + ANE): 125 mW']), [], 'without its length a block says nothing');
});

test('ioreg: unsigned 64-bit currents, and telemetry on mains', async () => {
  assert.equal(signed('18446744073709550524'), -1092);
  assert.equal(signed('-651'), -651);
  const battery = `${recordedSample('ioreg-battery.txt')}          "Voltage" = 11974\n          "ExternalConnected" = No\n`;
  near(ioregPower(battery).watts, 11.974 * 1.092);
  assert.match(ioregPower(battery.replace('18446744073709550524', '378')).why ?? '', /not discharging/);
  const mains = `+-o AppleSmartBattery\n  |   "ExternalConnected" = Yes\n${recordedSample('ioreg-m4.txt')}`;
  near(ioregPower(mains).watts, 13.177);
  const source = await only({ programs: { 'ioreg -w0 -rn AppleSmartBattery': mains } });
  assert.deepEqual([source.scope, source.refresh], ['dc_input', 60]);
});

test('a Mac tells its charger, and the speed its processors may have; a cool one nothing of the latter', async () => {
  const mac = (therm: string) =>
    machine({ programs: { 'pmset -g batt': recordedSample('pmset-batt.txt'), 'pmset -g therm': recordedSample(therm) } });
  assert.deepEqual(await macBattery(mac('pmset-therm.txt')), { charger: 'unplugged', charging: false });
  const charging = recordedSample('pmset-batt.txt').replace('Battery Power', 'AC Power').replace('discharging', 'charging');
  assert.deepEqual(await macBattery(machine({ programs: { 'pmset -g batt': charging } })), { charger: 'plugged', charging: true });
  assert.equal(await macBattery(machine({ programs: { 'pmset -g batt': "Now drawing from 'AC Power'\n" } })), null, 'one without a battery');
  assert.deepEqual([await macSpeedLimit(mac('pmset-therm.txt')), await macSpeedLimit(mac('pmset-therm-cool.txt'))], [100, null]);
  assert.deepEqual([await macSpeedLimit(machine({})), await macBattery(machine({}))], [null, null]);
});

test('thermal zones: processors only, in whatever unit, dead ones left out', async () => {
  for (const [raw, degrees] of [
    [46718, 46.718],
    [467, 46.7],
    [47, 47],
    [-274000, null],
    [0, null],
  ] as const)
    assert.equal(zoneTemperature(raw), degrees);
  const zone = (n: number, type: string, temp: number) => ({
    [`/sys/class/thermal/thermal_zone${n}/type`]: `${type}\n`,
    [`/sys/class/thermal/thermal_zone${n}/temp`]: `${temp}\n`,
  });
  const files = { ...zone(0, 'acpitz', 27800), ...zone(1, 'x86_pkg_temp', 61000), ...zone(2, 'cpu0-0-usr', -274000), ...zone(3, 'battery', 30000) };
  const { gauges = [] } = await thermal.find(machine({ files }), {});
  assert.deepEqual(await Promise.all(gauges.map(async (g) => [g.label, await g.read()])), [['x86_pkg_temp', 61]]);
  const phone = await thermal.find(machine({ files: recordedFiles('thermal-msm8939.txt') }), {});
  assert.deepEqual(await Promise.all((phone.gauges ?? []).map((g) => g.read())), [82, 84, 87, 84, 84]);
  const core = { '/sys/class/hwmon/hwmon4/name': 'coretemp\n', '/sys/class/hwmon/hwmon4/temp1_label': 'Package id 0\n' };
  const more = await thermal.find(
    machine({ files: { ...core, '/sys/class/hwmon/hwmon4/temp1_input': '52000\n', '/sys/class/hwmon/hwmon4/temp2_label': 'Core 0\n' } }),
    {},
  );
  assert.equal(await more.gauges?.[0]?.read(), 52);
});

test('throttle counters: cores added, a package once', async () => {
  const cpu = (n: number, pack: number, core: number, shared: number) => ({
    [`/sys/devices/system/cpu/cpu${n}/topology/physical_package_id`]: `${pack}\n`,
    [`/sys/devices/system/cpu/cpu${n}/thermal_throttle/core_throttle_count`]: `${core}\n`,
    [`/sys/devices/system/cpu/cpu${n}/thermal_throttle/package_throttle_count`]: `${shared}\n`,
  });
  assert.equal(await throttleCount(machine({ files: { ...cpu(0, 0, 1, 7), ...cpu(1, 0, 2, 7), ...cpu(2, 1, 0, 5) } })), 15);
  assert.equal(await throttleCount(machine({ files: { '/sys/devices/system/cpu/cpu0/online': '1\n' } })), null, 'AMD counts none');
  assert.equal(await throttleCount(machine({ files: recordedFiles('throttle-xeon.txt') })), 0, 'limits of power are no heat');
});

test('clocks: Hz, time in state, and what must be held under load', async () => {
  const policy = (n: number, cpus: string, driver: string, more: Record<string, string> = {}) =>
    Object.fromEntries(
      Object.entries({
        affected_cpus: cpus,
        scaling_driver: driver,
        scaling_governor: 'schedutil',
        cpuinfo_max_freq: '2400000',
        scaling_cur_freq: '1500000',
        ...more,
      }).map(([name, text]) => [`/sys/devices/system/cpu/cpufreq/policy${n}/${name}`, `${text}\n`]),
    );
  const host = machine({ files: { ...policy(0, '0 1 2 3', 'cpufreq-dt'), ...policy(4, '4 5', 'cpufreq-dt', { scaling_cur_freq: '0' }) } });
  const { gauges = [] } = await cpufreq.find(host, {});
  assert.deepEqual(
    gauges.map(({ label, cpus }) => [label, cpus]),
    [['cpu 0-3', [0, 1, 2, 3]]],
  );
  assert.equal(await gauges[0]?.read(), 1.5e9);
  assert.equal(await targetClock(host, await policies(host)), 2.4e9);
  const pc = machine({ files: policy(0, '0', 'intel_pstate') });
  assert.equal(await targetClock(pc, await policies(pc)), null, 'the turbo of one core is no target for all');
  const based = machine({ files: { ...policy(0, '0', 'intel_pstate'), '/sys/devices/system/cpu/cpu0/cpufreq/base_frequency': '1600000\n' } });
  assert.equal(await targetClock(based, await policies(based)), 1.6e9);
  assert.deepEqual(
    [...timeInState(recordedSample('time-in-state-amd.txt'))],
    [
      [3.5e9, 38698.72],
      [2.3e9, 5819.95],
      [1.6e9, 68959.37],
    ],
  );
  assert.equal(timeInState(recordedSample('time-in-state-arm.txt')).get(1.2e9), 3.99);
});

test('an estimate exists only where the rated power is told, and says what it is', async () => {
  const files = { '/proc/stat': 'cpu  100 0 0 100 0 0 0 0 0 0\n' };
  const { sources } = await findSensors(machine({ files }), { tdp: 15 });
  const source = sources[0] as Source;
  assert.equal(source.scope, 'estimate');
  files['/proc/stat'] = 'cpu  150 0 0 150 0 0 0 0 0 0\n';
  assert.equal((await source.read()).watts, 7.5);
  assert.equal((await source.read()).watts, null);
  assert.deepEqual((await findSensors(machine({ files }))).sources, []);
});

test('a counter wraps, is set back, or leaps: only the first is energy', () => {
  const counter = new Counter(65532.610987);
  assert.deepEqual([counter.add(65530, 0), counter.add(65532, 1)], [0, 2]);
  near(counter.add(1, 2), 3.610987);
  const before = counter.add(2, 3);
  assert.ok(counter.add(60000, 3.1) < before, 'a leap of 60 kJ in 0.1 s');
  const plug = new Counter(null);
  plug.add(100, 0);
  assert.ok(plug.add(0, 1) < 0, 'a plug that was started again');
});

test('memory: what must stay, what may be read again, the peak of the group, stalls, proportional size', async () => {
  const files: Record<string, string> = {
    '/proc/7/status': recordedSample('status-cat.txt'),
    '/proc/7/stat': recordedSample('stat-cat.txt'),
    '/proc/meminfo': recordedSample('meminfo-swap.txt'),
    '/proc/7/cgroup': '0::/user.slice/a.scope\n',
    '/sys/fs/cgroup/user.slice/a.scope/memory.peak': '73400320\n',
    '/proc/pressure/memory': recordedSample('pressure-memory.txt'),
    '/proc/7/smaps_rollup': recordedSample('smaps-rollup.txt'),
  };
  const host = machine({ files });
  assert.deepEqual(await residentSet(host, 7), { rss: 2136 * 1024, peak: 2136 * 1024, swap: 0 });
  assert.deepEqual(await residentParts(host, 7), { anon: 148 * 1024, file: 1988 * 1024 });
  assert.deepEqual(await processTimes(host, 7), { ticks: 0, majorFaults: 0 });
  assert.equal(await swapUsed(host), 0);
  assert.equal(await cgroupPeak(host, 7), 73400320);
  assert.equal(await stalled(host, 'memory'), 9.572119);
  assert.equal(await stalled(host, 'io'), null);
  assert.equal(await proportionalSet(host, 7), 315 * 1024);
  files['/proc/7/status'] = recordedSample('status-cat.txt').replace(/VmSwap:.*/, 'VmSwap:\t      50 kB');
  files['/proc/7/stat'] = '7 (a b) c) R 1 1 1 0 -1 4194304 101 0 13 0 40 2 0 0 20 0 1 0 5238892 3133440 381';
  files['/proc/meminfo'] = 'SwapTotal:  2097148 kB\nSwapFree:   2097000 kB\n';
  assert.deepEqual(await residentParts(host, 7), { anon: 198 * 1024, file: 1988 * 1024 }, 'what was swapped out is needed, too');
  assert.deepEqual(await processTimes(host, 7), { ticks: 42, majorFaults: 13 }, 'a name may hold anything');
  assert.equal(await swapUsed(host), 148 * 1024);
  files['/proc/7/cgroup'] = '12:memory:/x\n0::/\n';
  assert.equal(await cgroupPeak(host, 7), null, 'the root group has no peak');
});

test('uevent lines', () => {
  assert.equal(ueventOf(recordedSample('battery-thinkpad.uevent')).get('SERIAL_NUMBER'), '3502');
});
