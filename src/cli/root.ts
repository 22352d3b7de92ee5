import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FleetError } from '../core/errors.ts';

/** The project's folder, from the bundle as from the sources: the nearest one above that holds kernels/. */
export function projectRoot(from = dirname(fileURLToPath(import.meta.url))): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'kernels', 'Makefile')) && existsSync(join(folder, 'package.json'))) return folder;
    if (dirname(folder) === folder) throw new FleetError(`${from} is in no copy of fleet: call the ./fleet of a whole clone.`);
  }
}
