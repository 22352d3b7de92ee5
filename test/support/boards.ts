import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What the kernel of a single-board computer tells of it, and the CPU model that qemu plays for it. */
export interface Board {
  model: string;
  /** Of `qemu -cpu`. */
  cpu: string;
  part: string;
  variant: string;
  revision: number;
  features: string;
  bogomips: string;
  maxKhz: number;
  memoryKb: number;
}

/** As Raspberry Pi OS shows them in /proc/cpuinfo; memory less what the firmware keeps. */
export const BOARDS: Record<'rpi5' | 'rpi4' | 'rpi3', Board> = {
  rpi5: {
    ...{ model: 'Raspberry Pi 5 Model B Rev 1.0', cpu: 'cortex-a76', part: '0xd0b', variant: '0x4', revision: 1 },
    features: 'fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp',
    ...{ bogomips: '108.00', maxKhz: 2_400_000, memoryKb: 8_250_000 },
  },
  rpi4: {
    ...{ model: 'Raspberry Pi 4 Model B Rev 1.1', cpu: 'cortex-a72', part: '0xd08', variant: '0x0', revision: 3 },
    ...{ features: 'fp asimd evtstrm crc32 cpuid', bogomips: '108.00', maxKhz: 1_500_000, memoryKb: 3_880_000 },
  },
  rpi3: {
    ...{ model: 'Raspberry Pi 3 Model B Rev 1.2', cpu: 'cortex-a53', part: '0xd03', variant: '0x0', revision: 4 },
    ...{ features: 'fp asimd evtstrm crc32 cpuid', bogomips: '38.40', maxKhz: 1_200_000, memoryKb: 940_000 },
  },
};

/** Writes cpuinfo, meminfo and sys/ of a board into a folder. */
export function layOut(folder: string, board: Board): void {
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const core = (id: number) =>
    [
      `processor\t: ${id}`,
      `BogoMIPS\t: ${board.bogomips}`,
      `Features\t: ${board.features}`,
      'CPU implementer\t: 0x41',
      'CPU architecture: 8',
      `CPU variant\t: ${board.variant}`,
      `CPU part\t: ${board.part}`,
      `CPU revision\t: ${board.revision}`,
      '',
    ].join('\n');
  write('cpuinfo', `${[0, 1, 2, 3].map(core).join('\n')}\nModel\t\t: ${board.model}\n`);
  const kb = (share: number) => `${Math.round(board.memoryKb * share)} kB`.padStart(14);
  write('meminfo', `MemTotal: ${kb(1)}\nMemFree: ${kb(0.6)}\nMemAvailable: ${kb(0.8)}\nSwapTotal: ${kb(0)}\nSwapFree: ${kb(0)}\n`);
  write('sys/firmware/devicetree/base/model', `${board.model}\0`);
  write('sys/class/thermal/thermal_zone0/type', 'cpu-thermal\n');
  write('sys/class/thermal/thermal_zone0/temp', '48312\n');
  for (const id of [0, 1, 2, 3]) {
    const cpu = `sys/devices/system/cpu/cpu${id}`;
    write(`${cpu}/cpufreq/cpuinfo_max_freq`, `${board.maxKhz}\n`);
    write(`${cpu}/cpufreq/scaling_cur_freq`, `${board.maxKhz}\n`);
    write(`${cpu}/cpufreq/scaling_governor`, 'performance\n');
  }
  write('sys/devices/system/cpu/online', '0-3\n');
  write('sys/devices/system/cpu/possible', '0-3\n');
}
