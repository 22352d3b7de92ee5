import { z } from 'zod';
import { SensorSettings } from './sensor_settings.ts';
import { Suite } from './suite.ts';

/** A synthetic model, the same bytes everywhere: what `trit synth` makes it from. */
export const Twin = z.strictObject({ preset: z.string(), type: z.string(), head: z.string(), seed: z.int() });
export type Twin = z.infer<typeof Twin>;

/** Where a twin lies on a device: its recipe is its name. */
export function twinPath(workdir: string, { preset, type, head, seed }: Twin): string {
  return `${workdir}/models/${preset}-${type}-${head}-s${seed}.gguf`;
}

/** A model as the agent finds or makes it on the device. */
export const ModelSource = z.strictObject({
  name: z.string(), // "bitnet-2b-4t", or a file's base name
  path: z.string(), // on the device
  sha256: z.string().nullable(), // of an uploaded file; null for a twin, whose recipe is its identity
  /** A twin is made on the device where the file is absent. */
  synth: Twin.nullable(),
});
export type ModelSource = z.infer<typeof ModelSource>;

/** Greedy tokens a small known model must give on every correct build: the golden-token run. */
export const Golden = z.strictObject({
  synth: Twin,
  sha256: z.string(), // of the synthesised file
  prompt: z.array(z.int()),
  tokens: z.array(z.int()),
});
export type Golden = z.infer<typeof Golden>;

/** Everything the agent needs to do one run; written to the device as job.json. */
export const Job = z.strictObject({
  id: z.string(), // the run's id
  binary: z.string(), // path of trit on the device
  workdir: z.string(),
  model: ModelSource,
  /** What the model was made from: its quality is held against it. */
  parent: ModelSource.optional(),
  golden: Golden,
  suite: Suite,
  threads: z.int().positive(),
  cpus: z.string().nullable(),
  isa: z.string().nullable(),
  context: z.int().positive(),
  /** Longest silence of the binary, in seconds, before the run is given up. */
  timeout: z.number().positive(),
  /** Seconds to wait for a device that is busy with another run; without it a busy device fails the run at once. */
  wait: z.number().nonnegative().optional(),
  /** Most cases of each kernel to prove; without it all. For emulated processors, which take long and time nothing. */
  cases: z.int().positive().optional(),
  /** What the device's file tells of its sensors. */
  sensors: SensorSettings.optional(),
  /** The controller reads meters beside the device: the device then idles for them even where it has no sensor of its own. */
  meters: z.boolean().optional(),
  /** Folder that stands for the machine's sensors. */
  lab: z.string().optional(),
});
export type Job = z.infer<typeof Job>;
