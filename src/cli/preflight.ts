import { clustersOf, type Facts } from '../core/facts.ts';
import { quantity } from '../core/format.ts';
import type { Suite } from '../core/suite.ts';

/** What a device needs for a model, in bytes. */
export interface Need {
  model: string;
  bytes: number;
  /** Least memory of its weights; without it, that of the file. */
  memory?: number;
  /** Whether its file is there already. Asked only where the disk has no room for it: the file may have to be hashed for the answer. */
  isThere(): Promise<boolean>;
}

/** Memory beside the model: engine, key/value cache, agent. */
const BESIDE_MODEL = 150e6;

/** Why a run would not fit on a device, as a sentence without the device's name, or null where it fits. */
export async function preflight(facts: Pick<Facts, 'memory' | 'memory_available' | 'disk_free' | 'workdir'>, need: Need): Promise<string | null> {
  const hint = need.model === 'tiny' ? '' : ', or take a smaller model: --model tiny';
  const memory = (need.memory ?? need.bytes) + BESIDE_MODEL;
  if (facts.memory < memory) {
    return `the model ${need.model} takes about ${quantity(memory, 'B')} of memory and the device has ${quantity(facts.memory, 'B')} in all: it does not fit${hint}`;
  }
  if (facts.memory_available < memory) {
    return `the model ${need.model} takes about ${quantity(memory, 'B')} of memory and ${quantity(facts.memory_available, 'B')} of ${quantity(facts.memory, 'B')} are free: end other programs${hint}`;
  }
  if (facts.disk_free < need.bytes && !(await need.isThere())) {
    return `the model ${need.model} takes ${quantity(need.bytes, 'B')} and ${facts.workdir} has ${quantity(facts.disk_free, 'B')} free: make room${hint}`;
  }
  return null;
}

/** Load a core, over the last minute, above which a device is busy. */
const BUSY = 0.25;
/** degC at which processors are about to throttle, or do so already, where the suite names no ceiling. */
const HOT = 70;

/**
 * What would spoil the figures of a run though it could be made: sentences without the device's name. They are said before anything is sent;
 * the run then waits at the suite's gate, and what stays is one of its flags.
 */
export function concerns(
  { cores, governor, load = null, temperature = null, charger = null }: Pick<Facts, 'cores' | 'governor' | 'load' | 'temperature' | 'charger'>,
  gate: Suite['gate'],
): string[] {
  const found: string[] = [];
  if (load !== null && load >= Math.max(0.5, BUSY * cores.length))
    found.push(
      `its cores are busy (a load of ${load.toFixed(1)} on ${cores.length} in the last minute): end other programs, or wait a minute after a run`,
    );
  const lazy = (governor ?? '').split(' ').filter((name) => name !== '' && name !== 'performance');
  if (lazy.length > 0)
    found.push(
      `its governor is ${lazy.join(' and ')}, not performance: clocks may fall between requests; as root: echo performance | tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor`,
    );
  if (charger === 'unplugged')
    found.push('it runs on battery: clocks may be held down; plug the charger in, unless it is the battery that is to be measured');
  const ceiling = gate?.temperature ?? HOT;
  if (temperature !== null && temperature > ceiling)
    found.push(`its processor has ${temperature.toFixed(0)} °C, more than ${ceiling} °C: let it cool down, or it throttles`);
  return found;
}

/** Cores of the fastest kind: what `--threads` is by default. `cpus` narrows them ("4-7"). */
export function fastCores({ cores }: Pick<Facts, 'cores'>, cpus: string | null): number {
  if (cpus !== null) return cpuCount(cpus);
  return clustersOf(cores)[0]?.cpus.length ?? 1;
}

function cpuCount(cpus: string): number {
  const ids = new Set<number>();
  for (const range of cpus.split(',')) {
    const [from = 0, to = from] = range.split('-').map(Number);
    for (let id = from; id <= to && ids.size < 4096; id++) ids.add(id);
  }
  return Math.max(1, ids.size);
}

/** Context that holds every prompt of a suite and its answer: a text has no more tokens than bytes. At most the model's. */
export function contextFor(suite: Suite, longest: number | null): number {
  const system = suite.system === undefined ? 0 : (suite.system_tokens ?? Buffer.byteLength(suite.system.join('\n'))) + 32;
  const tokens = suite.prompts.map(({ text = '', messages = [], turns = [], random_tokens = 0, max_tokens }) => {
    const words = Buffer.byteLength(text) + messages.reduce((sum, { content }) => sum + Buffer.byteLength(content) + 32, 0);
    const talk = turns.reduce((sum, turn) => sum + Buffer.byteLength(turn) + 64, 0) + turns.length * max_tokens;
    return system + words + talk + random_tokens + max_tokens + 16;
  });
  return Math.min(Math.ceil(Math.max(256, ...tokens) / 256) * 256, longest ?? 1_048_576);
}
