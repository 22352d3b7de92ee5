import type { Room } from './room.ts';

/** Systems that people have and this machine has not, as far as a room can play them: their programs, paths, and what their files say. */

/** Alpine Linux: busybox and musl, no bash, no Node, no compiler. */
export const ALPINE: Room = {
  bin: '/bin',
  home: '/root',
  files: {
    '/etc/os-release': 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME="Alpine Linux v3.20"\n',
    '/lib/ld-musl-x86_64.so.1': '#!/bin/sh\nprintf "musl libc (x86_64)\\nVersion 1.2.5\\nDynamic Program Loader\\n" >&2\nexit 1\n',
    '/tmp/.keep': '',
  },
  without: ['bash', 'lscpu', 'tac', 'base64'],
};

const PREFIX = '/data/data/com.termux/files/usr';

const bigLittle = (little: number, big: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: little + big }, (_, cpu) => cpu).flatMap((cpu) => [
      [`/sys/devices/system/cpu/cpu${cpu}/cpu_capacity`, cpu < little ? '430\n' : '1024\n'],
      [`/sys/devices/system/cpu/cpu${cpu}/cpufreq/cpuinfo_max_freq`, cpu < little ? '2000000\n' : '2600000\n'],
      [`/sys/devices/system/cpu/cpu${cpu}/cpufreq/scaling_governor`, 'sugov_ext\n'],
    ]),
  );

const armCore = (cpu: number, part: string, features: string): string =>
  `processor\t: ${cpu}\nBogoMIPS\t: 26.00\nFeatures\t: ${features}\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: ${part}\nCPU revision\t: 0\n`;

const uname = (kernel: string, machine: string, shell: string): string =>
  `#!${shell}\ncase $1 in -s) echo Linux ;; -r) echo ${kernel} ;; -m) echo ${machine} ;; *) echo Linux ;; esac\n`;

/** Termux on Android: no /bin, no /tmp, no /etc, apps may not read /proc/stat and /proc/loadavg. It plays its paths and lets the CPU be this one's. */
export const TERMUX: Room = {
  bin: `${PREFIX}/bin`,
  home: '/data/data/com.termux/files/home',
  files: {
    '/system/bin/linker64': '',
    [`${PREFIX}/bin/getprop`]: `#!${PREFIX}/bin/sh
case $1 in
ro.build.version.release) echo 15 ;;
ro.product.manufacturer) echo motorola ;;
ro.product.model) echo "moto g56 5G" ;;
esac
`,
    '/proc/stat': '',
    '/proc/loadavg': '',
    '/proc/sys/kernel/random/boot_id': '',
  },
  environment: { PREFIX, TMPDIR: `${PREFIX}/tmp` },
  without: ['bash', 'lscpu', 'getconf'],
};

/** The same phone with its own CPU, memory and battery: to be asked, not to be run. */
export const MOTO_G56: Room = {
  ...TERMUX,
  dash: true,
  files: {
    ...TERMUX.files,
    ...bigLittle(6, 2),
    [`${PREFIX}/bin/uname`]: uname('5.10.209-android12-9', 'aarch64', `${PREFIX}/bin/sh`),
    '/proc/cpuinfo': Array.from({ length: 8 }, (_, cpu) =>
      armCore(cpu, cpu < 6 ? '0xd05' : '0xd41', 'fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp'),
    ).join('\n'),
    '/proc/meminfo':
      'MemTotal:        7849216 kB\nMemFree:          412340 kB\nMemAvailable:    3312008 kB\nSwapTotal:       5887000 kB\nSwapFree:        4000000 kB\n',
    '/sys/class/thermal/thermal_zone0/type': 'soc_max\n',
    '/sys/class/thermal/thermal_zone0/temp': '47100\n',
    '/sys/class/power_supply/battery/uevent':
      'POWER_SUPPLY_NAME=battery\nPOWER_SUPPLY_TYPE=Battery\nPOWER_SUPPLY_STATUS=Discharging\nPOWER_SUPPLY_CAPACITY=61\n',
  },
};

/** A Raspberry Pi 3 with 1 GB and a 32-bit Debian 9. */
export const PI3: Room = {
  dash: true,
  bin: '/usr/bin',
  home: '/home/pi',
  files: {
    '/usr/bin/uname': uname('4.9.0-19-armmp', 'armv7l', '/usr/bin/sh'),
    '/usr/bin/getconf': '#!/usr/bin/sh\ncase $1 in GNU_LIBC_VERSION) echo glibc 2.24 ;; PAGESIZE) echo 4096 ;; *) exit 1 ;; esac\n',
    '/etc/os-release': 'PRETTY_NAME="Raspbian GNU/Linux 9 (stretch)"\nNAME="Raspbian GNU/Linux"\nVERSION_ID="9"\n',
    '/proc/cpuinfo': `${Array.from(
      { length: 4 },
      (_, cpu) =>
        `processor\t: ${cpu}\nmodel name\t: ARMv7 Processor rev 4 (v7l)\nBogoMIPS\t: 38.40\nFeatures\t: half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm crc32\nCPU implementer\t: 0x41\nCPU architecture: 7\nCPU variant\t: 0x0\nCPU part\t: 0xd03\nCPU revision\t: 4\n`,
    ).join('\n')}\nHardware\t: BCM2835\nRevision\t: a02082\n`,
    '/proc/meminfo':
      'MemTotal:         947748 kB\nMemFree:          612340 kB\nMemAvailable:     792008 kB\nSwapTotal:        102396 kB\nSwapFree:         102396 kB\n',
    '/proc/loadavg': '0.07 0.05 0.01 1/121 733\n',
    ...Object.fromEntries(
      [0, 1, 2, 3].flatMap((cpu) => [
        [`/sys/devices/system/cpu/cpu${cpu}/cpufreq/cpuinfo_max_freq`, '1200000\n'],
        [`/sys/devices/system/cpu/cpu${cpu}/cpufreq/scaling_governor`, 'ondemand\n'],
      ]),
    ),
    '/sys/firmware/devicetree/base/model': 'Raspberry Pi 3 Model B Rev 1.2\0',
    '/sys/class/thermal/thermal_zone0/type': 'cpu-thermal\n',
    '/sys/class/thermal/thermal_zone0/temp': '72526\n',
    '/usr/bin/vcgencmd': '#!/usr/bin/sh\necho \'error=1 error_msg="Command not registered"\'\n',
  },
  without: ['bash', 'lscpu'],
};
