import type { Target } from '../core/build.ts';
import { UsageError } from '../core/errors.ts';
import { nearest } from './nearest.ts';

/** Named flags: one row a set. `native` is for the machine that builds, so it is right only for devices of its kind. */
const SETS: readonly { name: string; meaning: string; flags: (target: Target) => string }[] = [
  { name: 'O1', meaning: 'few optimisations', flags: () => '-O1' },
  { name: 'O2', meaning: 'the usual optimisations', flags: () => '-O2' },
  { name: 'O3', meaning: 'all safe optimisations: what a build without flags has', flags: () => '-O3' },
  { name: 'lto', meaning: 'optimised across files', flags: () => '-flto' },
  {
    name: 'native',
    meaning: 'for exactly the CPU of the machine that builds',
    flags: (target) => (target === 'x86_64-linux' ? '-march=native' : '-mcpu=native'),
  },
];

export const FLAG_SETS = SETS.map(({ name, meaning }) => ({ name, meaning }));

/**
 * Compiler flags as the compiler wants them: words that begin with a dash stand as they are, others name a set ("O2 lto", "-O2 -flto").
 * They pass through make and a shell, so nothing but flags may. Throws a UsageError.
 */
export function flagsOf(text: string, target: Target): string {
  return text
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => (word.startsWith('-') ? flag(word) : setNamed(word).flags(target)))
    .join(' ');
}

function flag(word: string): string {
  if (!/^-[\w=+.,-]+$/.test(word)) throw new UsageError(`"${word}" is not a compiler flag such as -mcpu=cortex-a76`);
  return word;
}

function setNamed(word: string): (typeof SETS)[number] {
  const found = SETS.find(({ name }) => name === word);
  if (found) return found;
  const names = SETS.map(({ name }) => name);
  const near = nearest(word, names);
  throw new UsageError(
    `"${word}" is not a compiler flag such as -mcpu=cortex-a76, and no named set; ${near ? `did you mean "${near}"?` : `sets: ${names.join(', ')}`}`,
  );
}
