import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { FleetError, UsageError } from '../core/errors.ts';
import { findModel, type Model } from '../fleet/model.ts';
import { loadPresets } from '../fleet/twins.ts';
import { Binary } from '../rivals/binary.ts';
import type { Engine } from '../rivals/engine.ts';
import { lastWords, launch } from '../rivals/launch.ts';
import { NodeLlama } from '../rivals/node_llama.ts';

/** "name=value" as it stands on the command line. */
export interface Named {
  name: string;
  value: string;
}

export function named(text: string): Named {
  const [, name, value] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('write name=value.');
  return { name, value };
}

export interface EngineOptions {
  rival: Named[];
  rivalModel: Named[];
  rivalArgs: Named[];
  isa?: string[];
  trit?: string;
  tritArgs?: string;
  limit: number;
}

interface Field {
  root: string;
  trit: string;
  model: string;
  /** Main file of node-llama-cpp; null: without it. */
  nodeLlama: string | null;
  say(sentence: string): void;
}

export const LLAMA = 'llama.cpp';

/** Everyone who competes with this model: ours first. Twins that are needed are made. */
export async function enginesOf(options: EngineOptions, field: Field): Promise<Engine[]> {
  const { trit, nodeLlama, root } = field;
  const { limit } = options;
  const names = [...options.rival.map(({ name }) => name), ...(nodeLlama ? [LLAMA] : [])];
  const ours = (options.isa ?? [null]).map((isa) => (isa === null ? 'trit' : `trit ${isa}`));
  const twice = [...ours, ...names].find((name, i, all) => all.indexOf(name) !== i);
  if (twice) throw new UsageError(`two engines are called ${twice}`);
  for (const { name } of [...options.rivalModel, ...options.rivalArgs])
    if (!names.includes(name.split('@')[0] as string))
      throw new UsageError(`there is no rival "${name.split('@')[0]}": name it with --rival, or it is ${LLAMA}`);

  const model = findModel(root, field.model);
  const file = model.file ?? (await twin(field, model, {}));
  const engines: Engine[] = ours.map((name, i) => {
    const isa = options.isa?.[i];
    const args = [...words(options.tritArgs), ...(isa ? ['--isa', isa] : [])];
    return new Binary({ name, rival: false, path: trit, before: ['bench'], args, file, limit });
  });
  for (const { name, value } of options.rival) {
    const theirs = fileFor(options, name, field.model) ?? (isBitnet(root, model) ? await twin(field, model, { arch: 'bitnet' }) : file);
    const args = words(options.rivalArgs.find((one) => one.name === name)?.value);
    engines.push(new Binary({ name, rival: true, path: programOf(name, value), args, file: theirs, limit }));
  }
  if (nodeLlama) {
    const arch = isBitnet(root, model) ? 'bitnet' : undefined;
    const type = model.synth?.type === 'i2_s' ? 'tq2_0' : undefined; // a type that llama.cpp has, of the same trits
    const theirs = fileFor(options, LLAMA, field.model) ?? (arch || type ? await twin(field, model, { arch, type }) : file);
    engines.push(new NodeLlama({ name: LLAMA, entry: nodeLlama, file: theirs, limit }));
  }
  return engines;
}

function fileFor({ rivalModel }: EngineOptions, rival: string, model: string): string | null {
  const found = rivalModel.find(({ name }) => name === `${rival}@${model}`) ?? rivalModel.find(({ name }) => name === rival);
  if (!found) return null;
  if (!existsSync(found.value)) throw new UsageError(`the model ${found.value} of ${rival} does not exist`);
  return resolve(found.value);
}

function isBitnet(root: string, { synth }: Model): boolean {
  return loadPresets(root).some(({ name, arch }) => name === synth?.preset && arch.startsWith('bitnet'));
}

/** The twin in .fleet/models, made there where it is not yet. The rivals know BitNet as the architecture "bitnet". */
async function twin({ root, trit, say }: Field, { synth, file }: Model, { arch, type }: { arch?: string; type?: string }): Promise<string> {
  if (!synth) return file as string;
  const recipe = { ...synth, type: type ?? synth.type };
  const folder = join(root, '.fleet/models');
  const path = join(folder, `${recipe.preset}-${recipe.type}-${recipe.head}-s${recipe.seed}${arch ? `-${arch}` : ''}.gguf`);
  if (existsSync(path)) return path;
  say(`making ${path}`);
  await mkdir(folder, { recursive: true });
  const { preset, head, seed } = recipe;
  const args = ['--preset', preset, '--type', recipe.type, '--head', head, '--seed', String(seed), ...(arch ? ['--arch', arch] : []), '-o', path];
  const ended = await launch(trit, ['synth', ...args]);
  if (ended.code !== 0) throw new FleetError(`${path} was not made: trit synth ${lastWords(ended)}`);
  return path;
}

/** The file of a program given by its path or as in a shell. */
function programOf(name: string, text: string): string {
  const places = text.includes('/') ? [resolve(text)] : (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, text));
  const found = places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return statSync(place).isFile();
    } catch {
      return false;
    }
  });
  if (!found) throw new UsageError(`the program ${text} of ${name} does not exist or may not be run`);
  return found;
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter(Boolean);
}
