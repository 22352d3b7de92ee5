// Plays the sensors of a device along a known power curve: lab-player.mjs ROOT '{"plays":["pi5"],"curve":{...}}'. It writes files below ROOT and
// answers HTTP until its stdin ends, and tells its longest stall; a line "lose SECONDS" on stdin takes the sensors away for so long,
// "brownout" raises the firmware's alarms. t is the monotonic clock in seconds.
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const [root, json] = process.argv.slice(2);
const { plays, curve } = JSON.parse(json);
const { base, swing, period } = curve;
const now = () => Number(process.hrtime.bigint()) / 1e9;
const power = (t) => base + swing * Math.sin((2 * Math.PI * t) / period);
const energy = (t) => base * t - ((swing * period) / (2 * Math.PI)) * Math.cos((2 * Math.PI * t) / period);
const begun = now();
let lostUntil = 0;

function put(path, text) {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

/** A value that is new once a second, as gauges and plugs have it. */
function everySecond(make) {
  let last = -1;
  return (t) => {
    if (Math.floor(t) === last) return;
    last = Math.floor(t);
    make(t);
  };
}

const RANGE = 40e6; // max_energy_range_uj: every window sees it wrap around
const PI = `#!/bin/sh
case "$1" in
pmic_read_adc) cat "${root}/pmic" ;;
get_throttled) cat "${root}/throttled" ;;
measure_temp) echo "temp=48.3'C" ;;
measure_clock) echo 'frequency(0)=2400033792' ;;
*) echo 'error=1 error_msg="Command not registered"' ;;
esac
`;

/** Each gives what it does every 20 ms. */
const PLAYS = {
  pi5() {
    put('bin/vcgencmd', PI);
    chmodSync(join(root, 'bin/vcgencmd'), 0o755);
    put('throttled', 'throttled=0x0\n');
    return (t) => {
      // two rails of different volts make up the power; one without a current has none
      const [core, rest] = [0.7 * power(t), 0.3 * power(t)];
      const rails = [`  VDD_CORE_A current(7)=${(core / 0.88).toFixed(8)}A`, `   3V3_SYS_A current(1)=${(rest / 3.3).toFixed(8)}A`];
      rails.push('  VDD_CORE_V volt(15)=0.88000000V', '   3V3_SYS_V volt(9)=3.30000000V', '     EXT5V_V volt(24)=5.06788000V');
      put('pmic', `${rails.join('\n')}\n`);
    };
  },
  rapl() {
    const zone = 'sys/class/powercap/intel-rapl:0';
    put(`${zone}/name`, 'package-0\n');
    put(`${zone}/max_energy_range_uj`, `${RANGE}\n`);
    return (t) => put(`${zone}/energy_uj`, `${Math.floor((energy(t) - energy(begun)) * 1e6) % RANGE}\n`);
  },
  battery() {
    put('sys/class/power_supply/AC/uevent', 'POWER_SUPPLY_TYPE=Mains\nPOWER_SUPPLY_ONLINE=0\n');
    return everySecond((t) => {
      const lines = ['TYPE=Battery', 'STATUS=Discharging', 'VOLTAGE_NOW=11206000', `POWER_NOW=-${Math.round(power(t) * 1e6)}`, 'CAPACITY=77'];
      put('sys/class/power_supply/BAT0/uevent', `${lines.map((line) => `POWER_SUPPLY_${line}`).join('\n')}\n`);
    });
  },
  // mA where uA is the rule, and positive while it discharges
  phone() {
    return everySecond((t) => {
      const lines = ['STATUS=Discharging', 'VOLTAGE_NOW=3852000', `CURRENT_NOW=${Math.round((power(t) / 3.852) * 1e3)}`, 'CAPACITY=61'];
      put('sys/class/power_supply/battery/uevent', `${lines.map((line) => `POWER_SUPPLY_${line}`).join('\n')}\n`);
    });
  },
  plug() {
    let status = '';
    createServer((request, response) => {
      if (now() < lostUntil) response.writeHead(500).end();
      else if (request.url === '/shelly') response.end('{"gen":2,"app":"PlusPlugS","auth_en":false}');
      else response.end(status);
    }).listen(0, '127.0.0.1', function () {
      process.stdout.write(`port ${this.address().port}\n`);
    });
    return everySecond((t) => {
      // a counter that moves once a minute: too slow for what is measured here
      const total = (energy(Math.floor(t / 60) * 60) / 3600).toFixed(3);
      status = JSON.stringify({ id: 0, output: true, apower: Number(power(t).toFixed(1)), voltage: 239.7, aenergy: { total: Number(total) } });
    });
  },
};

const loops = plays.map((name) => ({ name, tick: PLAYS[name]() }));
/** What a device that lost its sensors does not have any more. */
const LOST = ['pmic', 'sys/class/powercap/intel-rapl:0/energy_uj', 'sys/class/power_supply/BAT0/uevent', 'sys/class/power_supply/battery/uevent'];
let [ticked, stalled] = [now(), 0.05];
setInterval(() => {
  const t = now();
  if (t - ticked > stalled) {
    stalled = t - ticked;
    process.stdout.write(`stall ${stalled}\n`);
  }
  ticked = t;
  if (t < lostUntil) for (const path of LOST) rmSync(join(root, path), { force: true });
  else for (const { tick } of loops) tick(t);
}, 20);
for (const { tick } of loops) tick(now());
if (!plays.includes('plug')) process.stdout.write('port 0\n');

const input = createInterface({ input: process.stdin });
input.on('line', (line) => {
  const seconds = /^lose (\d+)$/.exec(line)?.[1];
  if (seconds) lostUntil = now() + Number(seconds);
  if (line === 'brownout') put('throttled', 'throttled=0x50005\n');
});
input.on('close', () => process.exit(0));
