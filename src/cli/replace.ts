import { rename, rm, writeFile } from 'node:fs/promises';
import { FleetError, reason } from '../core/errors.ts';

/** Writes the whole file or none of it; what stood there before is replaced. Throws a FleetError that tells by which option it was named. */
export async function replace(file: string, content: string | Uint8Array | Iterable<string>, option = '-o'): Promise<void> {
  try {
    await writeFile(`${file}.part`, content);
    await rename(`${file}.part`, file);
  } catch (error) {
    await rm(`${file}.part`, { force: true }).catch(() => {});
    throw new FleetError(`${file} cannot be written: ${reason(error)}. Name another file with ${option}.`, { cause: error });
  }
}
