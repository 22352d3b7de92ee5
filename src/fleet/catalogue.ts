import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { z } from 'zod';
import { CatalogueRow, HUB } from '../core/catalogue.ts';
import { FleetError, reason, UsageError } from '../core/errors.ts';
import published from '../data/models.json' with { type: 'json' };
import { nearest } from './nearest.ts';

const Rows = z.array(CatalogueRow);

/** Where published models lie on this machine: FLEET_MODELS, else ~/.cache/fleet/hub. */
export function modelsFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.FLEET_MODELS || join(homedir(), '.cache/fleet/hub');
}

/** The rows that come with fleet, then the user's own of `folder`/models.json; one of the user's stands before one of the same name. */
export function catalogue(folder = modelsFolder()): CatalogueRow[] {
  const own = ownRows(folder);
  return [...Rows.parse(published).filter(({ name }) => !own.some((row) => row.name === name)), ...own];
}

/** A row by its name, with or without "hub:" before it. Throws a UsageError with the nearest name. */
export function findRow(text: string, folder = modelsFolder()): CatalogueRow {
  const name = text.startsWith(HUB) ? text.slice(HUB.length) : text;
  const rows = catalogue(folder);
  const row = rows.find((candidate) => candidate.name === name);
  if (row) return row;
  const names = rows.map((candidate) => candidate.name);
  const near = nearest(name, names);
  throw new UsageError(`there is no published model "${name}"; ${near ? `did you mean "${near}"?` : `known: ${names.join(', ')}`}`);
}

/** Where the file of a row lies, or will lie, on this machine: in a folder of its own where others belong to it. */
export function fileOf(row: CatalogueRow, folder = modelsFolder()): string {
  if (row.repo === null) return row.file;
  return row.beside ? join(folder, row.name, basename(row.file)) : join(folder, `${row.name}${extname(row.file) || '.gguf'}`);
}

/** Where the small files that belong to it lie. */
export function besideOf(row: CatalogueRow, folder = modelsFolder()): string[] {
  return (row.beside ?? []).map((name) => join(folder, row.name, name));
}

/** Whether it is there whole: files get their name only when they are. */
export function isHere(row: CatalogueRow, folder = modelsFolder()): boolean {
  return [fileOf(row, folder), ...besideOf(row, folder)].every((path) => existsSync(path));
}

/** Adds a row of the user's, in place of one of the same name. Throws a FleetError where the folder cannot be written. */
export function keepRow(row: CatalogueRow, folder = modelsFolder()): void {
  const path = join(folder, 'models.json');
  const rows = [...ownRows(folder).filter(({ name }) => name !== row.name), row];
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${path}.${process.pid}.part`, `${JSON.stringify(rows, null, 2)}\n`);
    renameSync(`${path}.${process.pid}.part`, path);
  } catch (error) {
    throw new FleetError(`${path} cannot be written: ${reason(error)}; FLEET_MODELS names another folder`);
  }
}

function ownRows(folder: string): CatalogueRow[] {
  const path = join(folder, 'models.json');
  if (!existsSync(path)) return [];
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${reason(error)}; mend it or remove it`);
  }
  const parsed = Rows.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`${path}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}`);
}
