import { z } from 'zod';

/** What a device answered when probed. All of it comes from the device: validated, and escaped wherever it is shown. */
export const Facts = z.object({
  os: z.string(), // uname -s
  kernel: z.string(),
  machine: z.string(), // uname -m
  distribution: z.string().nullable(),
  libc: z.string().nullable(),
  cpu: z.string().nullable(), // model name
  cores: z.array(z.object({ id: z.int().nonnegative(), capacity: z.number().nullable(), max_hz: z.number().nullable() })),
  features: z.array(z.string()), // as the kernel names them: avx2, asimddp ...
  memory: z.number().nonnegative(), // bytes
  memory_available: z.number().nonnegative(),
  swap: z.number().nonnegative(),
  page_size: z.number().positive(),
  disk_free: z.number().nonnegative(), // bytes, in the work folder
  governor: z.string().nullable(),
  load: z.number().nullable(), // 1-minute load
  temperature: z.number().nullable().optional(), // degC, of the hottest processor zone
  charger: z.enum(['plugged', 'unplugged']).nullable().optional(), // null without a battery, and where it does not tell
  node: z.string().nullable(), // version, or null where there is none >= 18
  node_path: z.string().nullable().optional(), // of that node; it may not be on PATH
  compilers: z.array(z.string()).default([]),
  sensors: z.array(z.string()).default([]),
  board: z.string().nullable(), // device-tree model or DMI product
  firmware: z.string().nullable().optional(), // versions of what runs below the kernel: firmware, boot loader, BIOS, microcode
  emulator: z.string().nullable().optional(), // what emulates its processor, such as qemu-aarch64; absent where nobody asked
  clock_offset: z.number().nullable(), // seconds, device minus controller
  workdir: z.string(), // absolute path on the device
});
export type Facts = z.infer<typeof Facts>;

/** Cores of one kind. */
export interface Cluster {
  cpus: number[];
  capacity: number | null;
  max_hz: number | null;
}

/**
 * Cores by kind, the fastest first: by the kernel's cpu_capacity, else by their highest clock. Turbo bins differ by a few percent among equal
 * cores: within a tenth is the same kind, as trit has it (kernels/cores.c).
 */
export function clustersOf(cores: Facts['cores']): Cluster[] {
  const speed = ({ capacity, max_hz }: Omit<Cluster, 'cpus'>): number => capacity ?? max_hz ?? 0;
  const clusters: Cluster[] = [];
  for (const { id, capacity, max_hz } of [...cores].sort((a, b) => speed(b) - speed(a) || a.id - b.id)) {
    const last = clusters.at(-1);
    if (last && speed({ capacity, max_hz }) >= 0.9 * speed(last)) last.cpus.push(id);
    else clusters.push({ cpus: [id], capacity, max_hz });
  }
  for (const { cpus } of clusters) cpus.sort((a, b) => a - b);
  return clusters;
}

/** "0-3,6" of CPU numbers in order. */
export function cpuRanges(cpus: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const cpu of cpus) {
    const last = parts.at(-1);
    if (last && last[1] === cpu - 1) last[1] = cpu;
    else parts.push([cpu, cpu]);
  }
  return parts.map(([a, b]) => (a === b ? String(a) : `${a}-${b}`)).join(',');
}
