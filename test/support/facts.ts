import { Facts } from '../../src/core/facts.ts';

/** Facts of a plain machine, as far as starting a run needs them. */
export function plainFacts(workdir: string, change: Partial<Facts> = {}): Facts {
  return Facts.parse({
    os: 'Linux',
    kernel: '6.1',
    machine: 'x86_64',
    distribution: null,
    libc: null,
    cpu: null,
    cores: [{ id: 0, capacity: null, max_hz: null }],
    features: [],
    memory: 1e9,
    memory_available: 1e9,
    swap: 0,
    page_size: 4096,
    disk_free: 1e9,
    governor: null,
    load: null,
    node: process.version,
    node_path: process.execPath,
    board: null,
    clock_offset: 0,
    workdir,
    ...change,
  });
}
