import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { FleetError, reason } from '../core/errors.ts';

/** The engine's sources and Makefile below kernels/, relative to it and sorted; not what builds left behind. Throws a FleetError. */
export async function sourcesOf(kernels: string, folder = kernels): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new FleetError(`the engine's sources ${folder} cannot be read: ${reason(error)}; run fleet from its own folder`, { cause: error });
  });
  const found = entries.map(async (entry): Promise<string[]> => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'out' || entry.name.startsWith('.') ? [] : sourcesOf(kernels, path);
    return /\.(c|h|inc)$|^Makefile$/.test(entry.name) ? [relative(kernels, path)] : [];
  });
  return (await Promise.all(found)).flat().sort();
}

/** Hash of everything that goes into a binary: the sources, and what else decides how it comes out. */
export async function buildId(kernels: string, ...how: unknown[]): Promise<string> {
  const hash = createHash('sha256');
  for (const name of await sourcesOf(kernels)) {
    const bytes = await readFile(join(kernels, name));
    hash.update(`${name} ${bytes.length}\n`).update(bytes);
  }
  hash.update(JSON.stringify(how));
  return hash.digest('hex').slice(0, 32);
}
