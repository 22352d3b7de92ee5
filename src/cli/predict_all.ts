import { existsSync } from 'node:fs';
import { HUB } from '../core/catalogue.ts';
import { FleetError, reason, UsageError } from '../core/errors.ts';
import { ABSENT, number, quantity } from '../core/format.ts';
import { type Prediction, predict } from '../core/predict.ts';
import type { StoreReader } from '../core/store.ts';
import { build } from '../fleet/build.ts';
import { findRow } from '../fleet/catalogue.ts';
import { connect } from '../fleet/connect.ts';
import { deploy } from '../fleet/deploy.ts';
import { type Inventory, loadInventory, resolveDevices } from '../fleet/inventory.ts';
import { findModel } from '../fleet/model.ts';
import { measuredPace, profilePace, type Recipe } from '../fleet/pace.ts';
import { probe } from '../fleet/probe.ts';
import { targetOf } from '../fleet/target.ts';
import { openStore } from '../store/store.ts';
import type { Context } from './context.ts';
import { grid } from './grid.ts';
import { fastCores } from './preflight.ts';

export interface PredictOptions {
  model: string[];
  threads?: number;
  position: number;
  acceptNewHostKey?: boolean;
}

/** One line of the answer. */
export interface Predicted extends Prediction {
  name: string;
  model: string;
  threads: number | null;
  layout: string;
  /** From timed kernels, or from what is known of the class of device: then an upper limit. */
  basis: 'kernels' | 'profile';
  /** Best valid run of the model on that device with as many threads. */
  measured: { run: string; decode_rate: number; share: number } | null;
}

/** Predicts for every name and model. Returns the exit status: 1 where a device could not be used. */
export async function predictAll(context: Context, names: string, options: PredictOptions): Promise<number> {
  const inventory = await loadInventory(context.devices);
  const models = options.model.map((name) => ({ name, recipe: recipeOf(context.root, name) }));
  const store = existsSync(context.db) ? openStore(context.db, { readonly: true }) : null;
  const rows: Predicted[] = [];
  const errors: { name: string; message: string }[] = [];
  try {
    for (const name of names.split(',').map((part) => part.trim())) {
      const failed = (error: unknown) => {
        if (!(error instanceof FleetError) || error.exitCode === 2) throw error;
        errors.push({ name, message: error.message });
        context.say(`fleet: ${name}: ${reason(error)}`);
      };
      const profile = Object.hasOwn(inventory.profiles, name) ? inventory.profiles[name] : undefined;
      if (!profile || inventory.devices.some(({ id }) => id === name)) {
        await predictOn(context, inventory, name, models, options, store, rows).catch(failed);
        continue;
      }
      for (const { name: model, recipe } of models) {
        try {
          const { pace, work, layout } = profilePace(name, profile, recipe, context.root);
          rows.push({ name, model, threads: null, layout, basis: 'profile', measured: null, ...predict(work, pace, options.position) });
        } catch (error) {
          failed(error);
        }
      }
    }
  } finally {
    store?.close();
  }
  context.give(() => tableOf(rows), { predictions: rows, errors });
  return errors.length > 0 ? 1 : 0;
}

/** Every device of a name, one after the other. */
async function predictOn(
  context: Context,
  inventory: Inventory,
  name: string,
  models: readonly { name: string; recipe: Recipe }[],
  options: PredictOptions,
  store: StoreReader | null,
  rows: Predicted[],
): Promise<void> {
  for (const device of resolveDevices(inventory, name)) {
    const connection = await connect(device, { acceptNewHostKey: options.acceptNewHostKey });
    connection.lost.catch(() => {});
    try {
      const facts = await probe(connection);
      const made = await build({ toolchain: 'cc', target: targetOf(facts), root: context.root });
      const [binary = ''] = await deploy(connection, facts, [{ local: made.path, name: 'trit', sha256: made.sha256 }]);
      const threads = options.threads ?? fastCores(facts, device.cpus ?? null);
      for (const { name: model, recipe } of models) {
        context.say(`${device.id}: timing the kernels of ${model}`);
        const { pace, work, layout } = await measuredPace(connection, binary, threads, device.cpus ?? null, recipe, context.root);
        const prediction = predict(work, { ...pace, memory: facts.memory_available }, options.position);
        rows.push({
          name: device.id,
          model,
          threads,
          layout,
          basis: 'kernels',
          measured: measuredOf(store, device.id, model, threads, prediction),
          ...prediction,
        });
      }
    } finally {
      await connection.close();
    }
  }
}

function measuredOf(store: StoreReader | null, device: string, model: string, threads: number, { decode_rate }: Prediction): Predicted['measured'] {
  const runs = store?.runs({ device, model, valid: true }).filter((run) => run.threads === threads && run.metrics.decode_rate) ?? [];
  const rate = (run: (typeof runs)[number]) => run.metrics.decode_rate?.median ?? 0;
  const [best] = runs.sort((a, b) => rate(b) - rate(a));
  return best ? { run: best.id, decode_rate: rate(best), share: rate(best) / decode_rate } : null;
}

/** The twin of a name: its own recipe, or that of a published model. */
function recipeOf(root: string, name: string): Recipe {
  const twin = name.startsWith(HUB) ? findRow(name).twin : name;
  const recipe = twin === null ? null : findModel(root, twin).synth;
  if (!recipe) throw new UsageError(`no shape is known of "${name}": name a twin of fleet model ls`);
  return recipe;
}

function tableOf(rows: readonly Predicted[]): string {
  const head = ['device', 'model', 'threads', 'decode t/s', 'prefill t/s', 'bytes/token', 'waits for', 'from', 'measured t/s', 'share'];
  const cells = rows.map((row) => [
    ...[row.name, row.model, row.threads === null ? ABSENT : String(row.threads)],
    ...[`${row.basis === 'profile' ? '≤ ' : ''}${number(row.decode_rate)}`, `${row.basis === 'profile' ? '≤ ' : ''}${number(row.prefill_rate)}`],
    ...[quantity(row.bytes_per_token, 'B'), row.bound, `${row.basis}, ${row.layout}`],
    ...[row.measured ? number(row.measured.decode_rate) : ABSENT, row.measured ? `${Math.round(row.measured.share * 100)} %` : ABSENT],
  ]);
  return grid(head, cells);
}
