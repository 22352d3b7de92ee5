import type { Profile } from '../core/device.ts';
import type { Facts } from '../core/facts.ts';

/** What a profile may be known by, the most telling first. */
const TRAITS = ['board', 'cpu', 'machine'] as const;

/** The profile whose `match` fits the facts, by the most telling trait; null where none does. */
export function proposeProfile(facts: Pick<Facts, 'board' | 'cpu' | 'machine'>, profiles: Readonly<Record<string, Profile>>): string | null {
  const holds = (trait: (typeof TRAITS)[number], wanted: string): boolean => facts[trait]?.toLowerCase().includes(wanted.toLowerCase()) ?? false;
  for (const trait of TRAITS) {
    for (const [id, { match = {} }] of Object.entries(profiles)) {
      if (match[trait] === undefined) continue;
      if (TRAITS.every((other) => match[other] === undefined || holds(other, match[other]))) return id;
    }
  }
  return null;
}
