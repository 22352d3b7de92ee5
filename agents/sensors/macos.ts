import type { Host } from '../../src/core/host.ts';
import { powerOf, type Reading, silent } from '../../src/core/source.ts';
import { stream } from '../../src/core/stream.ts';
import { ask } from './reading.ts';
import type { Found, Sensor } from './sensor.ts';

/** macOS: powermetrics (root; the chip by its own model) and the battery in ioreg (no root; the whole machine). */

const EVERY = 500;

/**
 * Reads the text of powermetrics line by line. Each block tells its length and mean power, so the blocks add up to a counter. "Combined" is
 * processor, graphics and neural engine; older systems print "Package", Intel ones a line of their own in watts.
 */
export class PowermetricsText {
  #elapsed: number | null = null;
  #first = true;
  #joules = 0;

  take(line: string): Reading | null {
    const header = /^\*\*\* Sampled system activity \(.+\) \(([\d.]+)ms elapsed\) \*\*\*/.exec(line);
    if (header) {
      this.#elapsed = Number(header[1]) / 1000;
      return null;
    }
    const milliwatts = /^(?:Combined Power \(CPU \+ GPU \+ ANE\)|Package Power): (\d+) mW/.exec(line);
    const intel = /^Intel energy model derived package power \(CPUs\+GT\+SA\): ([\d.]+) ?W/.exec(line);
    if (this.#elapsed === null || !(milliwatts || intel)) return null;
    const watts = milliwatts ? Number(milliwatts[1]) / 1000 : Number(intel?.[1]);
    if (!this.#first) this.#joules += watts * this.#elapsed; // the first block is about the time before we asked
    this.#first = false;
    this.#elapsed = null;
    return { watts, joules: this.#joules, why: null };
  }
}

export const powermetrics: Sensor = {
  name: 'powermetrics',
  async find(host: Host): Promise<Partial<Found>> {
    const command = ['sudo', '-n', '/usr/bin/powermetrics'];
    const first = await ask(host, ['uname', '-s']);
    if (first.stdout.trim() !== 'Darwin') return {};
    const trial = await ask(host, [...command, '-n', '1', '-i', '100', '-s', 'cpu_power']);
    if (!trial.ok)
      return {
        problems: [
          'powermetrics needs root: allow it without a password, with "USER ALL=(root) NOPASSWD: /usr/bin/powermetrics" through sudo visudo',
        ],
      };
    const text = new PowermetricsText();
    if (!trial.stdout.split('\n').some((line) => text.take(line))) return {};
    const blocks = new PowermetricsText();
    return {
      sources: [
        stream(host, {
          ...{ name: 'powermetrics', scope: 'soc_estimate', detail: 'powermetrics: CPU + GPU + ANE, or the package', refresh: EVERY / 1000 },
          argv: [...command, '-i', String(EVERY), '-b', '1', '-s', 'cpu_power'],
          take: (line) => blocks.take(line),
        }),
      ],
    };
  },
};

/** Percent of their speed that a Mac's processors may have, of `pmset -g therm`; null where it does not tell, as a cool one does not. */
export async function macSpeedLimit(host: Host): Promise<number | null> {
  const found = /^\s*CPU_Speed_Limit\s*=\s*(\d{1,3})\s*$/m.exec((await ask(host, ['pmset', '-g', 'therm'])).stdout)?.[1];
  return found === undefined ? null : Number(found);
}

/** What a Mac runs on, and whether it charges, of `pmset -g batt`; null for one without a battery. */
export async function macBattery(host: Host): Promise<{ charger: 'plugged' | 'unplugged'; charging: boolean } | null> {
  const { stdout } = await ask(host, ['pmset', '-g', 'batt']);
  const from = /^Now drawing from '(AC|Battery) Power'/m.exec(stdout)?.[1];
  if (from === undefined || !stdout.includes('InternalBattery')) return null;
  return { charger: from === 'AC' ? 'plugged' : 'unplugged', charging: /; charging;/.test(stdout) };
}

/** Whole numbers of ioreg are printed as unsigned 64-bit: 18446744073709550524 is -1092. */
export function signed(text: string): number {
  return Number(BigInt.asIntN(64, BigInt(text)));
}

/** Power of `ioreg -rn AppleSmartBattery`: on the battery from its current, on mains from the machine's own telemetry, which moves once a minute. */
export function ioregPower(text: string): Reading {
  const field = (name: string) => new RegExp(`^[\\s|]*"${name}" = (\\S+)\\s*$`, 'm').exec(text)?.[1];
  const whole = (name: string) => {
    const value = field(name);
    return value !== undefined && /^-?\d{1,20}$/.test(value) ? signed(value) : null;
  };
  if (field('ExternalConnected') !== 'Yes') {
    const [volts, amperes] = [whole('Voltage'), whole('InstantAmperage')];
    if (volts === null || amperes === null) return silent('ioreg tells no voltage or current');
    return amperes < 0 ? powerOf((volts * -amperes) / 1e6) : silent('the battery is not discharging');
  }
  const load = /"SystemLoad"=(\d{1,9})[,}]/.exec(text)?.[1];
  return load === undefined ? silent('on mains this Mac tells no power') : powerOf(Number(load) / 1e3);
}

export const ioreg: Sensor = {
  name: 'ioreg',
  async find(host: Host): Promise<Partial<Found>> {
    const argv = ['ioreg', '-w0', '-rn', 'AppleSmartBattery'];
    const first = await ask(host, argv);
    if (!first.ok || !first.stdout.includes('AppleSmartBattery')) return {};
    const telemetry = first.stdout.includes('"PowerTelemetryData"') && /"ExternalConnected" = Yes/.test(first.stdout);
    return {
      sources: [
        {
          ...{ name: 'ioreg', scope: telemetry ? 'dc_input' : 'system_battery', detail: telemetry ? 'ioreg: SystemLoad' : 'ioreg: battery' },
          ...{ period: telemetry ? 5 : 1, refresh: telemetry ? 60 : 1, close: async () => {} },
          async read() {
            const said = await ask(host, argv);
            const onMains = /"ExternalConnected" = Yes/.test(said.stdout);
            if (onMains !== telemetry) return silent('the charger was plugged or pulled');
            return ioregPower(said.stdout);
          },
        },
      ],
    };
  },
};
