import { isProcessorZone, zoneTemperature } from '../core/heat.ts';
import { type Supply, ueventOf } from '../core/supply.ts';

/** Pure readers of what the probe's script prints. Missing is null, or an empty list; never 0. */

/** The script's output by section, in lines without surrounding blanks. */
export function sectionsOf(output: string): Map<string, string[]> {
  const sections = new Map<string, string[]>();
  let lines: string[] = [];
  for (const raw of output.split('\n')) {
    const name = /^@@fleet ([a-z]+)$/.exec(raw)?.[1];
    if (name) {
      lines = [];
      sections.set(name, lines);
    } else if (raw.trim()) lines.push(raw.trim());
  }
  return sections;
}

/** Text that can be shown: no control characters, and not endless. Null for nothing. */
export function clean(text: string | undefined | null, longest = 200): string | null {
  const plain = (text ?? '')
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, longest);
  return plain === '' ? null : plain;
}

/** PRETTY_NAME of os-release. */
export function distributionOf(lines: readonly string[]): string | null {
  const value = (key: string) =>
    lines
      .find((line) => line.startsWith(`${key}=`))
      ?.slice(key.length + 1)
      .replace(/^(["'])(.*)\1$/, '$2');
  return clean(value('PRETTY_NAME') ?? value('NAME'));
}

/** "glibc 2.36", "musl 1.2.5", "bionic". */
export function libcOf(lines: readonly string[]): string | null {
  for (const line of lines) {
    if (/^glibc \d/.test(line)) return clean(line, 40);
    const musl = /^musl libc.*?Version (\d[\d.]*)/i.exec(line)?.[1];
    if (musl) return `musl ${musl}`;
    const gnu = /^ldd \(.*\) (\d+\.\d+)$/.exec(line)?.[1];
    if (gnu) return `glibc ${gnu}`;
    if (line === 'bionic') return line;
  }
  return null;
}

/** "key : value" pairs of /proc/cpuinfo, one map a processor; keys before the first processor are in none. */
function processors(lines: readonly string[]): Map<string, string>[] {
  const found: Map<string, string>[] = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    const key = line.slice(0, colon).trim();
    if (colon < 0) continue;
    if (key === 'processor') found.push(new Map());
    found.at(-1)?.set(key, line.slice(colon + 1).trim());
  }
  return found;
}

/** What the numbers of /proc/cpuinfo on Arm stand for (MIDR_EL1; the same table is in lscpu), for systems without lscpu. */
const ARM_PARTS: Record<string, string> = {
  ...{ '0x41 0xc07': 'Cortex-A7', '0x41 0xc08': 'Cortex-A8', '0x41 0xc09': 'Cortex-A9', '0x41 0xc0f': 'Cortex-A15' },
  ...{ '0x41 0xd03': 'Cortex-A53', '0x41 0xd04': 'Cortex-A35', '0x41 0xd05': 'Cortex-A55', '0x41 0xd07': 'Cortex-A57' },
  ...{ '0x41 0xd08': 'Cortex-A72', '0x41 0xd09': 'Cortex-A73', '0x41 0xd0a': 'Cortex-A75', '0x41 0xd0b': 'Cortex-A76' },
  ...{ '0x41 0xd0c': 'Neoverse-N1', '0x41 0xd0d': 'Cortex-A77', '0x41 0xd40': 'Neoverse-V1', '0x41 0xd41': 'Cortex-A78' },
  ...{ '0x41 0xd44': 'Cortex-X1', '0x41 0xd46': 'Cortex-A510', '0x41 0xd47': 'Cortex-A710', '0x41 0xd48': 'Cortex-X2' },
  ...{ '0x41 0xd49': 'Neoverse-N2', '0x41 0xd4d': 'Cortex-A715', '0x41 0xd4e': 'Cortex-X3', '0x41 0xd80': 'Cortex-A520' },
  ...{ '0x41 0xd81': 'Cortex-A720', '0x41 0xd82': 'Cortex-X4' },
};

/** Model name: of cpuinfo on x86, of lscpu or the part's number on Arm (big.LITTLE has several). */
export function cpuOf(cpuinfo: readonly string[], lscpu: readonly string[]): string | null {
  const named = processors(cpuinfo).map((cpu) => cpu.get('model name'));
  const listed = lscpu.map((line) => line.slice(line.indexOf(':') + 1).trim());
  const bare = cpuinfo.find((line) => /^(Hardware|uarch)\s*:/.test(line));
  const parts = processors(cpuinfo).map((cpu) => ARM_PARTS[`${cpu.get('CPU implementer')} ${cpu.get('CPU part')}`]);
  const names = listed.some((name) => name && name !== '-') ? listed : parts.some(Boolean) ? parts : named;
  const known = [...new Set(names.filter((name): name is string => !!name && name !== '-'))];
  return clean(known.length ? known.join(' + ') : bare?.slice(bare.indexOf(':') + 1));
}

/** Versions of what runs below the kernel, in the order in which they are told: those of a Raspberry Pi, a PC's BIOS, the microcode of x86. */
export function firmwareOf(lines: readonly string[], cpuinfo: readonly string[]): string | null {
  const names: Record<string, string> = { version: 'firmware', bootloader: 'boot loader', id: 'BIOS' };
  const told = lines.flatMap((line) => {
    const [, key = '', version = ''] = /^(\w+) +(.+)$/.exec(line) ?? [];
    return Object.hasOwn(names, key) && version.trim() ? [`${names[key]} ${version.trim()}`] : [];
  });
  const microcodes = [...new Set(processors(cpuinfo).flatMap((cpu) => cpu.get('microcode') ?? []))];
  return clean([...told, ...microcodes.map((version) => `microcode ${version}`)].join(', '));
}

/** Instruction set features that every processor has, as the kernel names them, sorted. */
export function featuresOf(cpuinfo: readonly string[]): string[] {
  const sets = processors(cpuinfo).flatMap((cpu) => {
    const flags = cpu.get('flags') ?? cpu.get('Features');
    const isa = cpu.get('isa');
    if (flags) return [new Set(flags.split(/\s+/))];
    return isa ? [new Set(isa.split('_'))] : [];
  });
  const [first, ...others] = sets;
  return [...(first ?? [])].filter((name) => /^[\w.-]{1,40}$/.test(name) && others.every((set) => set.has(name))).sort();
}

export interface Core {
  id: number;
  capacity: number | null;
  max_hz: number | null;
}

/** Cores that are switched on, from "cpu0 1 1024 2400000" lines; else counted in cpuinfo. */
export function coresOf(lines: readonly string[], cpuinfo: readonly string[]): Core[] {
  const cores = lines.flatMap((line) => {
    const match = /^cpu(\d{1,5}) (\S+) (\S+) (\S+)$/.exec(line);
    if (!match?.[1] || match[2] === '0') return [];
    const khz = number(match[4]);
    return [{ id: Number(match[1]), capacity: number(match[3]), max_hz: khz === null ? null : khz * 1000 }];
  });
  if (cores.length > 0) return cores.sort((a, b) => a.id - b.id);
  return processors(cpuinfo).map((_, id) => ({ id, capacity: null, max_hz: null }));
}

/** Bytes of a "MemTotal: 123 kB" line. */
export function memoryOf(meminfo: readonly string[], key: string): number | null {
  const match = new RegExp(`^${key}:\\s+(\\d+) kB$`);
  const kib = meminfo.map((line) => match.exec(line)?.[1]).find(Boolean);
  return kib === undefined ? null : Number(kib) * 1024;
}

/** MemAvailable; on kernels before 3.14 what comes nearest to it. */
export function availableOf(meminfo: readonly string[]): number | null {
  const parts = ['MemFree', 'Buffers', 'Cached'].map((key) => memoryOf(meminfo, key));
  return memoryOf(meminfo, 'MemAvailable') ?? parts.reduce((sum, part) => (sum === null || part === null ? null : sum + part), 0);
}

/** Bytes of a page: of getconf, or of smaps' "KernelPageSize: 4 kB". */
export function pageSizeOf(lines: readonly string[]): number | null {
  const match = /^(?:KernelPageSize:\s+(\d+) kB|(\d+))$/.exec(lines[0] ?? '');
  return match ? (match[1] === undefined ? Number(match[2]) : Number(match[1]) * 1024) : null;
}

/** degC of the hottest processor zone, of "type raw" lines; null where none tells. */
export function temperatureOf(lines: readonly string[]): number | null {
  const degrees = lines.flatMap((line) => {
    const [, type = '', raw] = /^(.+) (-?\d{1,9})$/.exec(line) ?? [];
    return isProcessorZone(type) ? (zoneTemperature(Number(raw)) ?? []) : [];
  });
  return degrees.length > 0 ? Math.max(...degrees) : null;
}

/** Power supplies, each the lines of its uevent file after "NAME:". */
export function suppliesOf(lines: readonly string[]): Supply[] {
  const texts: string[] = [];
  for (const line of lines) {
    if (/^[^=]+:$/.test(line)) texts.push('');
    else if (texts.length > 0) texts.push(`${texts.pop()}${line}\n`);
  }
  return texts.map(ueventOf);
}

/** Free bytes in `df -Pk`. */
export function diskFreeOf(lines: readonly string[]): number | null {
  const match = /\s(\d+)\s+(\d+)\s+(-?\d+)\s+\d+%\s/.exec(` ${lines.at(-1) ?? ''} `);
  return match?.[3] === undefined ? null : Math.max(0, Number(match[3])) * 1024;
}

/** First of "v20.1.0 /path/node" that is new enough. */
export function nodeOf(lines: readonly string[], oldest = 18): { version: string; path: string } | null {
  for (const line of lines) {
    const match = /^v(\d{1,3})(\.[\d.]{1,20}\S{0,30}) (\/.{1,500})$/.exec(line);
    if (match?.[1] && match[2] && match[3] && Number(match[1]) >= oldest) return { version: match[1] + match[2], path: match[3] };
  }
  return null;
}

/** Values of macOS's "key: value" lines. */
export function sysctlOf(lines: readonly string[], key: string): string | null {
  return (
    lines
      .find((line) => line.startsWith(`${key}:`))
      ?.slice(key.length + 1)
      .trim() ?? null
  );
}

/** A non-negative number, or null. */
export function number(text: string | undefined | null): number | null {
  const value = /^\d+(\.\d+)?/.exec(text ?? '')?.[0];
  return value === undefined ? null : Number(value);
}

/** The product's name, unless its maker left the field as it was. */
export function boardOf(lines: readonly string[]): string | null {
  const name = clean(lines[0]);
  return name && !/to be filled|default string|system product|not specified|^unknown|^none$/i.test(name) ? name : null;
}

/** Name of the program that runs the shell's machine code, where that is not the processor. */
export function emulatorOf(lines: readonly string[]): string | null {
  const name = /^(?:.*\/)?(qemu-\w+|box64|box86|FEXInterpreter)(?:-static)?$/.exec(lines[0] ?? '')?.[1];
  return name ?? null;
}
