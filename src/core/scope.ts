/** What a power figure covers. Figures of two scopes are never compared. */
export interface ScopeRow {
  readonly name: string;
  readonly meaning: string;
}

/** The best first: where a run has several sources, the first of them with a value stands for the run. An estimate never does. */
export const SCOPES = [
  { name: 'wall_ac', meaning: 'the whole device at the mains, with the loss of its power supply' },
  { name: 'dc_input', meaning: 'the whole device behind its power supply' },
  { name: 'system_battery', meaning: 'the whole device as its battery gauge tells, display and radio included' },
  { name: 'board_rails_partial', meaning: 'some supply rails of the board: the rest is not seen' },
  { name: 'cpu_package', meaning: 'the processor package alone (and its memory where it has a counter of its own)' },
  { name: 'soc_estimate', meaning: 'the chip, by its own model: not for comparison between devices' },
  { name: 'estimate', meaning: 'computed, not measured: drawn apart and never compared' },
] as const satisfies readonly ScopeRow[];

export type Scope = (typeof SCOPES)[number]['name'];
export const SCOPE_NAMES = SCOPES.map(({ name }) => name) as [Scope, ...Scope[]];

/** Place in the table: lower stands before higher. */
export function scopeRank(scope: Scope): number {
  return SCOPE_NAMES.indexOf(scope);
}

/** The scope that most of these figures have, and the figures of that scope: those of another one may not stand beside them. Figures without a scope all stay. */
export function oneScope<T>(figures: readonly T[], scopeOf: (figure: T) => Scope | undefined): { scope: Scope | null; kept: T[]; others: number } {
  const counts = new Map<Scope, number>();
  for (const figure of figures) {
    const scope = scopeOf(figure);
    if (scope !== undefined) counts.set(scope, (counts.get(scope) ?? 0) + 1);
  }
  const [first] = [...counts].sort(([a, m], [b, n]) => n - m || scopeRank(a) - scopeRank(b));
  if (!first) return { scope: null, kept: [...figures], others: 0 };
  const kept = figures.filter((figure) => scopeOf(figure) === first[0]);
  return { scope: first[0], kept, others: figures.length - kept.length };
}
