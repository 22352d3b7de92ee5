import type { Facts } from './facts.ts';

/**
 * The facts that change speed, as one text with a fixed order of keys. Its hash is the environment epoch: a new one starts a new baseline.
 * What moves from minute to minute (load, free memory, free disk, clock) and what needs no new baseline (Node, folders) is left out.
 */
export function epochText(facts: Facts): string {
  return JSON.stringify({
    board: facts.board,
    cores: facts.cores.map(({ id, capacity, max_hz }) => [id, capacity, max_hz]),
    cpu: facts.cpu,
    distribution: facts.distribution,
    features: [...facts.features].sort(),
    governor: facts.governor,
    kernel: facts.kernel,
    libc: facts.libc,
    machine: facts.machine,
    os: facts.os,
    page_size: facts.page_size,
  });
}
