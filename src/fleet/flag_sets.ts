import { UsageError } from '../core/errors.ts';
import { nearest } from './nearest.ts';

/** Named flags: one row a set. `pgo` is no flag but a way to build: see pgo.ts. */
const SETS: readonly { name: string; meaning: string; flags: (target: string) => string }[] = [
  { name: 'O1', meaning: 'few optimisations', flags: () => '-O1' },
  { name: 'O2', meaning: 'the usual optimisations', flags: () => '-O2' },
  { name: 'O3', meaning: 'all safe optimisations: what a build without flags has', flags: () => '-O3' },
  { name: 'lto', meaning: 'optimised across files', flags: () => '-flto' },
  { name: 'mcpu-native', meaning: 'for exactly the CPU of the machine that builds', flags: native },
  { name: 'pgo', meaning: 'guided by a profile: built, trained on a synthetic model by running it, built again', flags: () => '' },
];

export const FLAG_SETS = SETS.map(({ name, meaning }) => ({ name, meaning }));

export interface Flags {
  /** As the compiler wants them. */
  text: string;
  /** The set `pgo` was named. */
  pgo: boolean;
}

/**
 * Compiler flags as the compiler wants them: words that begin with a dash stand as they are, others name a set ("O2 lto", "-O2 -flto").
 * They pass through make and a shell, so nothing but flags may. `builder` is the target of the machine that compiles. Throws a UsageError.
 */
export function flagsOf(text: string, target: string, builder = target): Flags {
  const words = text.split(/\s+/).filter(Boolean);
  const found = words.map((word) => (word.startsWith('-') ? flag(word) : flagsNamed(word, target, builder)));
  return { text: found.filter(Boolean).join(' '), pgo: words.includes('pgo') };
}

function flag(word: string): string {
  if (!/^-[\w=+.,-]+$/.test(word)) throw new UsageError(`"${word}" is not a compiler flag such as -mcpu=cortex-a76`);
  return word;
}

function flagsNamed(word: string, target: string, builder: string): string {
  const set = SETS.find(({ name }) => name === word);
  if (set) {
    if (set.flags === native && target !== builder)
      throw new UsageError(
        `"${word}" is for the CPU that compiles, and ${target} is compiled on ${builder}: name its CPU (-mcpu=cortex-a76), or build on the device (--build on-device)`,
      );
    return set.flags(target);
  }
  const names = SETS.map(({ name }) => name);
  const near = nearest(word, names);
  throw new UsageError(
    `"${word}" is not a compiler flag such as -mcpu=cortex-a76, and no named set; ${near ? `did you mean "${near}"?` : `sets: ${names.join(', ')}`}`,
  );
}

function native(target: string): string {
  return /^(x86_64|amd64|i\d86)-/.test(target) ? '-march=native' : '-mcpu=native';
}
