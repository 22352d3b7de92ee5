import type { Facts } from './facts.ts';

/** One thing that starts a new environment epoch when it changes: a row adds one. */
export interface EpochCause {
  readonly name: string;
  readonly meaning: string;
}

type FactsCause = EpochCause & { readonly of: (facts: Facts) => unknown };

/**
 * Of the device. What moves from minute to minute (load, free memory, free disk, clock) and what changes no speed (Node, folders) is left
 * out. The hash of all of them is stored with each probe: an order or a name that changes here starts a new epoch everywhere, but for what is
 * undefined, which is not in it.
 */
const OF_FACTS = [
  { name: 'board', meaning: 'the board, or the product name', of: ({ board }) => board },
  { name: 'charger', meaning: 'whether it runs on its charger or its battery', of: ({ charger }) => charger ?? undefined },
  {
    name: 'cores',
    meaning: 'cores, their capacity and highest clock',
    of: ({ cores }) => cores.map(({ id, capacity, max_hz }) => [id, capacity, max_hz]),
  },
  { name: 'cpu', meaning: 'the model of the processor', of: ({ cpu }) => cpu },
  { name: 'distribution', meaning: 'the system and its version', of: ({ distribution }) => distribution },
  { name: 'features', meaning: 'instruction sets as the kernel names them', of: ({ features }) => [...features].sort() },
  { name: 'firmware', meaning: 'firmware, boot loader, BIOS and microcode', of: ({ firmware }) => firmware ?? undefined },
  { name: 'governor', meaning: 'what sets the clock', of: ({ governor }) => governor },
  { name: 'kernel', meaning: 'the version of the kernel', of: ({ kernel }) => kernel },
  { name: 'libc', meaning: 'the C library and its version', of: ({ libc }) => libc },
  { name: 'machine', meaning: 'the architecture', of: ({ machine }) => machine },
  { name: 'os', meaning: 'the kind of system', of: ({ os }) => os },
  { name: 'page_size', meaning: 'bytes of a page of memory', of: ({ page_size }) => page_size },
] as const satisfies readonly FactsCause[];

/** What of a build makes an epoch. */
export interface EpochBuild {
  compiler: string;
  sha256: string;
  code: string | null;
}

/** Of the build. */
const OF_BUILD = [
  { name: 'compiler', meaning: 'the compiler and its version', of: ({ compiler }) => compiler },
  { name: 'code', meaning: "trit's machine code and constants; where they cannot be told, the whole file", of: ({ code, sha256 }) => code ?? sha256 },
] as const satisfies readonly (EpochCause & { of: (build: EpochBuild) => unknown })[];

export type BuildCause = (typeof OF_BUILD)[number]['name'];
export const BUILD_CAUSES: readonly BuildCause[] = OF_BUILD.map(({ name }) => name);

/** The whole table, for people. */
export const EPOCH_CAUSES: readonly EpochCause[] = [...OF_BUILD, ...OF_FACTS].map(({ name, meaning }) => ({ name, meaning }));

/** What changed from one epoch to the next; values as text, null where one is not known. */
export interface EpochChange {
  cause: string;
  from: string | null;
  to: string | null;
}

/** The facts that change speed, as one text with a fixed order of keys. Its hash is the environment epoch: a new one starts a new baseline. */
export function epochText(facts: Facts): string {
  return JSON.stringify(Object.fromEntries(OF_FACTS.map(({ name, of }) => [name, of(facts)])));
}

/** The epoch of a run by the hash of its facts and its build, as a key; causes named in `across` start none. */
export function epochKey(facts: string | null, build: EpochBuild, across: readonly BuildCause[] = []): string {
  return JSON.stringify([facts, ...OF_BUILD.map(({ name, of }) => (across.includes(name) ? null : of(build)))]);
}

/** What differs between two runs' facts and builds: why the second began a new epoch. */
export function epochChanges(
  before: { facts: Facts | null; build: EpochBuild },
  after: { facts: Facts | null; build: EpochBuild },
  across: readonly BuildCause[] = [],
): EpochChange[] {
  const pairs = [
    ...OF_BUILD.filter(({ name }) => !across.includes(name)).map(({ name, of }) => [name, of(before.build), of(after.build)] as const),
    ...OF_FACTS.map(({ name, of }) => [name, before.facts && of(before.facts), after.facts && of(after.facts)] as const),
  ];
  return pairs.flatMap(([cause, from, to]) => (shown(from) === shown(to) ? [] : [{ cause, from: shown(from), to: shown(to) }]));
}

function shown(value: unknown): string | null {
  return value === undefined ? null : value === null || typeof value === 'string' ? value : JSON.stringify(value);
}
