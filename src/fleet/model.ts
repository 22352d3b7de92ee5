import { statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { type CatalogueRow, HUB } from '../core/catalogue.ts';
import { sha256On } from '../core/device_file.ts';
import { FleetError, reason, UsageError } from '../core/errors.ts';
import type { Facts } from '../core/facts.ts';
import { type ModelSource, twinPath } from '../core/job.ts';
import { fileOf, findRow, isHere } from './catalogue.ts';
import { sha256Of } from './checksum.ts';
import type { Connection } from './connection.ts';
import { fetchOn } from './device_fetch.ts';
import { describeFile, type Hub } from './hub.ts';
import { nearest } from './nearest.ts';
import { loadPresets, residentBytes, twinBytes, typeNames } from './twins.ts';

/** A model as it was asked for: a twin by its recipe, a file on the controller, or a published one that devices fetch. */
export interface Model {
  name: string;
  /** Of the file: exact for a file, about that for a twin. */
  bytes: number;
  /** Least memory that its weights take once they are packed, where the shape is known. */
  memory?: number;
  /** Longest context. */
  context: number | null;
  synth: ModelSource['synth'];
  /** Path on the controller; null for a twin, and for a published model that is not here. */
  file: string | null;
  /** Row of the catalogue, and the hub to fetch it from. */
  published?: { row: CatalogueRow; hub: Hub };
}

/**
 * `name`, `name:type:head`, `hub:name`, or the path of a GGUF file (with a slash, or ending in .gguf). With a hub, devices fetch published
 * models from there by themselves; without, they must have been pulled to this machine. Throws a UsageError with the nearest name.
 */
export function findModel(root: string, text: string, hub?: Hub): Model {
  if (text.startsWith(HUB)) return publishedModel(root, text, hub);
  if (text.includes('/') || text.endsWith('.gguf')) return fileModel(text);
  const presets = loadPresets(root);
  const [name = '', type, head, ...rest] = text.split(':');
  const preset = presets.find((p) => p.name === name);
  if (!preset || rest.length > 0) {
    const near = nearest(
      name,
      presets.map((p) => p.name),
    );
    const known = presets.map((p) => p.name).join(', ');
    const hint = near && near !== name ? `did you mean "${near}"?` : `known: ${known}; or name:type:head, ${HUB}name, or the path of a .gguf file`;
    throw new UsageError(`there is no model "${text}"; ${hint}`);
  }
  const types = typeNames(root);
  for (const wanted of [type, head]) {
    if (wanted !== undefined && wanted !== '' && !types.includes(wanted)) {
      throw new UsageError(`model "${text}": there is no tensor type "${wanted}"; known: ${types.join(', ')}`);
    }
  }
  const recipe = { preset: name, type: type || preset.type, head: head || preset.head, seed: 1 };
  const isDefault = recipe.type === preset.type && recipe.head === preset.head;
  return {
    name: isDefault ? name : `${name}:${recipe.type}:${recipe.head}`,
    bytes: twinBytes(root, preset, recipe.type, recipe.head),
    memory: residentBytes(root, preset, recipe.type, recipe.head),
    context: preset.context,
    synth: recipe,
    file: null,
  };
}

function fileModel(path: string): Model {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw new Error('it is not a file');
    return { name: basename(path, '.gguf'), bytes: stat.size, context: null, synth: null, file: path };
  } catch (error) {
    throw new UsageError(`the model ${path} cannot be read: ${reason(error)}`);
  }
}

function publishedModel(root: string, text: string, hub: Hub | undefined): Model {
  const row = findRow(text);
  if (row.repo !== null && !row.file.endsWith('.gguf'))
    throw new UsageError(
      `${row.name} is no GGUF: fleet model pull ${row.name}, fleet model convert ${row.name} -o ${row.name}.gguf --type i2_s, then -m ${row.name}.gguf`,
    );
  const here = isHere(row);
  const name = `${HUB}${row.name}`;
  const known = row.twin === null ? null : findModel(root, row.twin);
  const shape = { context: known?.context ?? null, memory: known?.memory };
  if (hub && row.repo !== null) return { name, bytes: row.bytes ?? 0, ...shape, synth: null, file: null, published: { row, hub } };
  if (here) return { ...fileModel(fileOf(row)), name, ...shape };
  const twin = row.twin === null ? '' : `, or measure its twin: -m ${row.twin}`;
  throw new UsageError(
    `the model ${row.name} is not on this machine: fleet model pull ${row.name}, or let devices fetch it: --model-from device${twin}`,
  );
}

/**
 * Sees to it that a file model is on the device, under its hash, and says where the model lies there. A twin is made on the device later.
 * What is there already is not sent again; this machine reads the file where it is. Throws a FleetError where the file does not arrive as it is.
 */
export async function sendModel(
  connection: Connection,
  facts: Pick<Facts, 'workdir' | 'disk_free'>,
  model: Model,
  onProgress?: (done: number, total: number) => void,
): Promise<ModelSource> {
  if (model.published) return fetchModel(connection, facts, model.published, model.name, onProgress);
  const source = await placeOf(connection, facts, model);
  const { name, sha256, path } = source;
  const { device } = connection;
  const { file } = model;
  if (file === null || path === resolve(file)) return source;
  if ((await sha256On(connection, path)) !== sha256) {
    if (facts.disk_free < model.bytes) {
      throw new FleetError(
        `device ${device.id}: no room for the model ${name} in ${facts.workdir}: free ${megabytes(model.bytes - facts.disk_free)} MB there`,
      );
    }
    await connection.upload(file, path, { mode: 0o644, onProgress });
    if ((await sha256On(connection, path)) !== sha256) {
      throw new FleetError(`device ${device.id}: ${path} differs from ${file} after it was sent; look at the device's disk, then run it again`);
    }
  }
  return source;
}

/** Whether the model's file lies on the device already, by its name, which for a file model holds its hash. */
export async function isThere(connection: Connection, facts: Pick<Facts, 'workdir'>, model: Model): Promise<boolean> {
  const { path } = model.published ? await publishedPlace(facts, model.published) : await placeOf(connection, facts, model);
  return connection.exec(['test', '-f', path]).then(
    ({ code }) => code === 0,
    () => false, // a recording does not know; a lost link says so at the next step
  );
}

async function placeOf({ device }: Connection, { workdir }: Pick<Facts, 'workdir'>, { name, synth, file }: Model): Promise<ModelSource> {
  if (synth) return { name, synth, sha256: null, path: twinPath(workdir, synth) };
  if (file === null) throw new FleetError(`model ${name} has neither file nor recipe`);
  const sha256 = await hashOf(file);
  if (device.connector === 'local') return { name, synth: null, sha256, path: resolve(file) };
  return { name, synth: null, sha256, path: `${workdir}/models/${sha256.slice(0, 16)}-${basename(file).replace(/[^\w.-]/g, '_')}` };
}

async function publishedPlace({ workdir }: Pick<Facts, 'workdir'>, { row, hub }: { row: CatalogueRow; hub: Hub }) {
  const file = await describeFile(row, hub);
  return { file, path: `${workdir}/models/${file.sha256.slice(0, 16)}-${row.name}.gguf` };
}

/** The device fetches it by itself. */
async function fetchModel(
  connection: Connection,
  { workdir, disk_free }: Pick<Facts, 'workdir' | 'disk_free'>,
  { row, hub }: { row: CatalogueRow; hub: Hub },
  name: string,
  onProgress?: (done: number, total: number) => void,
): Promise<ModelSource> {
  const { file, path } = await publishedPlace({ workdir }, { row, hub });
  const there = (await connection.exec(['test', '-e', path])).code === 0;
  if (!there && disk_free < file.bytes)
    throw new FleetError(
      `device ${connection.device.id}: no room for the model ${name} in ${workdir}: free ${megabytes(file.bytes - disk_free)} MB there`,
    );
  await fetchOn({ connection, file, hub, path, onProgress });
  return { name, synth: null, sha256: file.sha256, path };
}

const hashes = new Map<string, Promise<string>>();

/** Hashed once, for however many devices. */
function hashOf(file: string): Promise<string> {
  const known = hashes.get(file) ?? sha256Of(file);
  hashes.set(file, known);
  return known;
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1e6);
}
