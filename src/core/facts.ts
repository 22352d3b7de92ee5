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
  node: z.string().nullable(), // version, or null where there is none >= 18
  node_path: z.string().nullable().optional(), // of that node; it may not be on PATH
  compilers: z.array(z.string()).default([]),
  sensors: z.array(z.string()).default([]),
  board: z.string().nullable(), // device-tree model or DMI product
  emulator: z.string().nullable().optional(), // what emulates its processor, such as qemu-aarch64; absent where nobody asked
  clock_offset: z.number().nullable(), // seconds, device minus controller
  workdir: z.string(), // absolute path on the device
});
export type Facts = z.infer<typeof Facts>;
