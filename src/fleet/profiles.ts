import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { Profile } from '../core/device.ts';
import { reason, UsageError } from '../core/errors.ts';
import { nearest } from './nearest.ts';

/** Profiles by id: every <dir>/<id>.yaml. Throws a UsageError that names file and key. */
export async function loadProfiles(dir: string): Promise<Record<string, Profile>> {
  const files = await yamlFiles(dir);
  const entries = files.map(async (file) => [basename(file, '.yaml'), checked(Profile, await readYaml(file), file)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** The .yaml files of a folder, not of those below it, sorted; none where the folder does not exist. */
export async function yamlFiles(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new UsageError(`${dir} cannot be read: ${reason(error)}`, { cause: error });
  });
  const odd = names.find((name) => name.endsWith('.yml'));
  if (odd) throw new UsageError(`${join(dir, odd)} is not read; rename it to ${odd.replace(/\.yml$/, '.yaml')}`);
  return names
    .filter((name) => name.endsWith('.yaml') && !name.startsWith('.'))
    .sort()
    .map((name) => join(dir, name));
}

/** One YAML file that holds a mapping. */
export async function readYaml(file: string): Promise<Record<string, unknown>> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`${file} cannot be read: ${reason(error)}`, { cause: error });
  });
  const document = parseDocument(text);
  const [fault] = [...document.errors, ...document.warnings];
  if (fault) throw new UsageError(`${file} is not valid YAML: ${reason(fault).replace(/:$/, '')}`, { cause: fault });
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new UsageError(`${file} is not valid YAML: ${reason(error)}`, { cause: error });
  }
  if (value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new UsageError(`${file} must hold keys and values, like "host: 192.168.1.50"`);
  return value as Record<string, unknown>;
}

/** The value as its schema wants it; otherwise a UsageError with the file, the first wrong key and what is wrong with it. */
export function checked<S extends z.ZodObject>(schema: S, value: unknown, file: string): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data as z.infer<S>;
  const [issue] = result.error.issues;
  if (issue?.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    const near = issue.path.length ? null : nearest(key, Object.keys(schema.shape));
    throw new UsageError(`${file}: unknown key "${[...issue.path, key].join('.')}"${near ? `; did you mean "${near}"?` : ''}`);
  }
  const key = issue?.path.join('.');
  throw new UsageError(`${file}: ${key ? `"${key}": ` : ''}${issue?.message ?? 'not valid'}`);
}
