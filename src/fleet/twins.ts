import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FleetError } from '../core/errors.ts';

/** A known model's shape: what `trit synth` can make a twin of. */
export interface Preset {
  name: string;
  title: string;
  arch: string;
  layers: number;
  dim: number;
  ffn: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocab: number;
  context: number;
  /** Output matrix and embedding are one. */
  tied: boolean;
  /** Defaults. */
  type: string;
  head: string;
}

/** Every preset, from the table that trit itself is compiled from. `root` is the folder that holds kernels/. */
export function loadPresets(root: string): Preset[] {
  const types = loadTypes(root);
  const nameOf = (constant: string): string => [...types.values()].find((type) => type.constant === constant)?.name ?? constant.toLowerCase();
  return rows(root, 'presets.inc', 'PRESET').map((row) => {
    const [name = '', title = '', arch = '', , layers, dim, ffn, heads, kvHeads, headDim, vocab, context, , , tied, type = '', head = ''] = row;
    return {
      ...{ name, title, arch, layers: Number(layers), dim: Number(dim), ffn: Number(ffn), heads: Number(heads), kvHeads: Number(kvHeads) },
      ...{ headDim: Number(headDim), vocab: Number(vocab), context: Number(context), tied: tied === 'true', type: nameOf(type), head: nameOf(head) },
    };
  });
}

/** Names of the tensor types, from trit's table. */
export function typeNames(root: string): string[] {
  return [...loadTypes(root).keys()];
}

/** Bytes of the twin's file, without its vocabulary and norms (1-2 % more). */
export function twinBytes(root: string, preset: Preset, type: string, head: string): number {
  const types = loadTypes(root);
  const bytesPerWeight = (name: string): number => {
    const found = types.get(name);
    if (!found) throw new FleetError(`there is no tensor type "${name}"; known: ${[...types.keys()].join(', ')}`);
    return found.bytes / found.weights;
  };
  const { layers: weights, head: output } = weightsOf(preset);
  return Math.round(weights * bytesPerWeight(type) + output * bytesPerWeight(head) * (preset.tied ? 1 : 2));
}

/** Memory of its weights at least: ternary ones packed at 1.6 bits, a large output matrix as a screen of 4.5 bits, whose rows stay in the file. */
export function residentBytes(root: string, preset: Preset, type: string, head: string): number {
  const types = loadTypes(root);
  const perWeight = (name: string) => (types.get(name)?.bytes ?? 4) / (types.get(name)?.weights ?? 1);
  const { layers, head: output } = weightsOf(preset);
  const packed = ['i2_s', 'tq1_0', 'tq2_0'].includes(type) ? 0.2 : perWeight(type);
  return Math.round(layers * packed + output * Math.min(perWeight(head), 18 / 32));
}

/** Weights of all layers, and of the output matrix. */
export function weightsOf({ layers, dim, ffn, heads, kvHeads, headDim, vocab }: Preset): { layers: number; head: number } {
  return { layers: layers * (2 * dim * heads * headDim + 2 * dim * kvHeads * headDim + 3 * dim * ffn), head: vocab * dim };
}

function loadTypes(root: string): Map<string, { name: string; constant: string; weights: number; bytes: number }> {
  const list = rows(root, 'types.inc', 'TYPE').map(([, constant = '', name = '', weights, bytes]) => {
    return { name, constant, weights: Number(weights), bytes: Number(bytes) };
  });
  return new Map(list.map((type) => [type.name, type]));
}

/** The cells of each `MACRO(a, "b", 3)` row of a table in kernels/; a row may take several lines. */
function rows(root: string, file: string, macro: string): string[][] {
  const path = join(root, 'kernels', file);
  const found = [...readFileSync(path, 'utf8').matchAll(new RegExp(`^${macro}\\(([^)]*)\\)`, 'gm'))];
  if (found.length === 0) throw new FleetError(`${path} has no ${macro} rows: this copy of fleet is damaged, clone it again.`);
  return found.map(([, cells = '']) => Array.from(cells.matchAll(/"([^"]*)"|([^\s,]+)/g), ([, quoted, bare]) => quoted ?? bare ?? ''));
}
