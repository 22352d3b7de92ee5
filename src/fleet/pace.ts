import { z } from 'zod';
import type { Profile } from '../core/device.ts';
import { FleetError } from '../core/errors.ts';
import type { Host } from '../core/host.ts';
import { lastWords } from '../core/last_words.ts';
import { parsed } from '../core/parsed.ts';
import { plain } from '../core/plain.ts';
import type { Pace, Work } from '../core/predict.ts';
import cores from '../data/cores.json' with { type: 'json' };
import { loadPresets, weightsOf } from './twins.ts';

/** A twin's recipe. */
export interface Recipe {
  preset: string;
  type: string;
  head: string;
}

/** Bytes a weight of types that are read as they stand in the file. */
const FILE_BYTES: Record<string, number> = { f32: 4, f16: 2, bf16: 2, q8_0: 34 / 32, q6_k: 210 / 256, q4_0: 18 / 32, q4_k: 144 / 256 };
const TERNARY = ['i2_s', 'tq1_0', 'tq2_0'];
/** Output matrices from this size on are read through a screen of 4.5 bits a weight (kernels/README.md). */
const SCREENED = 32e6;
const SCREEN = { bytesPerWeight: 18 / 32, kernel: 'gemm_q4_0x16q8' };

type Layout = 't2' | 't5';
const LAYOUTS: Record<Layout, { bytesPerWeight: number; kernel: string }> = {
  t2: { bytesPerWeight: 0.25, kernel: 'gemm_t2i8' },
  t5: { bytesPerWeight: 0.2, kernel: 'gemm_t5i8' },
};

/** What a decode step of a twin does, and by which kernels. */
export function workOf(root: string, recipe: Recipe, layout: Layout): { work: Work; kernels: { layers: string; head: string } } {
  const preset = loadPresets(root).find(({ name }) => name === recipe.preset);
  if (!preset) throw new FleetError(`there is no shape called ${recipe.preset}`);
  const { layers, head } = weightsOf(preset);
  const inLayers = TERNARY.includes(recipe.type) ? LAYOUTS[layout] : byFile(recipe.type);
  const whole = byFile(recipe.head);
  const inHead = head * whole.bytesPerWeight >= SCREENED && recipe.head !== 'q4_0' && recipe.head !== 'q4_k' ? SCREEN : whole;
  return {
    work: {
      layers: { weights: layers, bytesPerWeight: inLayers.bytesPerWeight },
      head: { weights: head, bytesPerWeight: inHead.bytesPerWeight },
      kv: preset.layers * preset.kvHeads * preset.headDim * 2 * 2,
    },
    kernels: { layers: inLayers.kernel, head: inHead.kernel },
  };
}

function byFile(type: string): { bytesPerWeight: number; kernel: string } {
  const bytesPerWeight = FILE_BYTES[type];
  if (bytesPerWeight === undefined) throw new FleetError(`no kernel is known that reads ${type} as it is`);
  const packed = { q8_0: 'gemm_q8_0x16q8', q4_0: 'gemm_q4_0x16q8', q4_k: 'gemm_q4_kx16q8', q6_k: 'gemm_q6_kx16q8' }[type];
  return { bytesPerWeight, kernel: packed ?? `gemm_${type}f32` };
}

/** `trit kernels -o json`, as far as it is read here. */
const Report = z.object({
  row: z.number().positive(),
  bandwidth: z.array(z.object({ threads: z.int(), gb_per_s: z.number().positive() })),
  kernels: z.array(
    z.object({ isa: z.string(), kernel: z.string(), tokens: z.int().positive(), threads: z.int().positive(), ns: z.number().positive() }),
  ),
});

/** The pace of a device, measured there: memory, and the kernels that the model needs, each with so many threads. */
export async function measuredPace(host: Host, binary: string, threads: number, cpus: string | null, recipe: Recipe, root: string) {
  const run = async (kernel: string) => {
    const argv = [
      binary,
      'kernels',
      '--kernel',
      kernel,
      '-t',
      String(threads),
      '-r',
      '3',
      '--time',
      '15',
      '-o',
      'json',
      ...(cpus === null ? [] : ['--cpus', cpus]),
    ];
    const { code, stdout, stderr } = await host.exec(argv, { timeoutMs: 600_000 });
    const report = code === 0 ? parsed(Report, stdout) : null;
    if (report) return report;
    throw new FleetError(`trit kernels could not be run there: ${plain(lastWords(stderr, code))}`);
  };
  const rate = ({ kernels, row }: z.infer<typeof Report>, name: string, many: boolean): number => {
    const team = Math.max(...kernels.map((figure) => figure.threads));
    const found = kernels.filter((figure) => figure.kernel === name && figure.threads === team && figure.tokens > 1 === many);
    return Math.max(0, ...found.map(({ tokens, ns }) => (row * tokens) / (ns / 1e9)));
  };
  const ternary = TERNARY.includes(recipe.type);
  const first = await run(ternary ? LAYOUTS.t2.kernel : workOf(root, recipe, 't2').kernels.layers);
  const layout: Layout = ternary && first.kernels.some(({ isa }) => isa === 'avx512vnni' || isa === 'amx') ? 't5' : 't2'; // the engine's own rule
  const { work, kernels } = workOf(root, recipe, layout);
  const layers = layout === 't5' ? await run(kernels.layers) : first;
  const head = await run(kernels.head);
  const bandwidth = Math.max(...[first, layers, head].flatMap((report) => report.bandwidth.map(({ gb_per_s }) => gb_per_s * 1e9)));
  const pace: Pace = {
    bandwidth,
    layers: rate(layers, kernels.layers, false),
    many: rate(layers, kernels.layers, true) || rate(layers, kernels.layers, false),
    head: rate(head, kernels.head, false),
    memory: null,
    disk: null,
  };
  return { pace, work, layout };
}

/** The most that a class of device can do: the peak of its memory, and what its cores could compute if nothing made them wait. */
export function profilePace(id: string, profile: Profile, recipe: Recipe, root: string): { pace: Pace; work: Work; layout: Layout } {
  const { bandwidth, clock, mcpu, ram, disk } = profile;
  const core = mcpu !== undefined && Object.hasOwn(cores, mcpu) ? cores[mcpu as keyof typeof cores] : undefined;
  const count = profile.cores?.reduce((sum, each) => sum + each.count, 0);
  if (!bandwidth || !clock || !core || !count || !TERNARY.includes(recipe.type))
    throw new FleetError(
      `profile ${id}: a prediction needs its bandwidth, clock, cores and mcpu, cycles of that core in src/data/cores.json, and a ternary model`,
    );
  const options = (['t2', 't5'] as const).map((layout) => {
    const { work } = workOf(root, recipe, layout);
    const pace: Pace = {
      ...{ bandwidth, layers: core[layout] * clock * count, many: core.many * clock * count, head: core.head * clock * count },
      ...{ memory: ram ?? null, disk: disk ?? null },
    };
    const seconds = Math.max((work.layers.weights * work.layers.bytesPerWeight) / bandwidth, work.layers.weights / pace.layers);
    return { layout, work, pace, seconds };
  });
  const fits = ({ work, pace }: (typeof options)[number]) =>
    pace.memory === null || work.layers.weights * work.layers.bytesPerWeight + work.head.weights * work.head.bytesPerWeight + 100e6 <= pace.memory;
  const best = options.sort((a, b) => Number(fits(b)) - Number(fits(a)) || a.seconds - b.seconds)[0] as (typeof options)[number];
  return { pace: best.pace, work: best.work, layout: best.layout };
}
