/** What every command of trit that computes takes; its own choice where null or absent. */
export interface Work {
  threads: number;
  /** CPUs to pin threads to. */
  cpus: string | null;
  isa: string | null;
  /** How keys and values are kept. */
  kv?: string;
}

/** The same as arguments. */
export function workArguments({ threads, cpus, isa, kv }: Work): string[] {
  const chosen = { '--cpus': cpus, '--isa': isa, '--kv': kv ?? null };
  return ['-t', String(threads), ...Object.entries(chosen).flatMap(([flag, value]) => (value === null ? [] : [flag, value]))];
}
