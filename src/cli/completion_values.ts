import { TARGETS } from '../core/build.ts';
import type { Context } from './context.ts';

/** The options and arguments whose values are names that fleet knows: option's long name -> how to list them. */
export const VALUES: Record<string, (context: Context) => Promise<readonly string[]>> = {
  async device(context) {
    const { loadInventory } = await import('../fleet/inventory.ts');
    const { devices } = await loadInventory(context.devices);
    return [...new Set([...devices.map(({ id }) => id), ...devices.flatMap(({ tags }) => tags), 'all'])];
  },
  async model(context) {
    const { loadPresets } = await import('../fleet/twins.ts');
    const { catalogue } = await import('../fleet/catalogue.ts');
    return [...loadPresets(context.root).map(({ name }) => name), ...catalogue().map(({ name }) => `hub:${name}`)];
  },
  async suite() {
    return (await import('../fleet/suite.ts')).SUITE_NAMES;
  },
  async toolchain() {
    return (await import('../fleet/toolchains.ts')).TOOLCHAINS.map(({ name }) => name);
  },
  async target() {
    return TARGETS;
  },
  async format() {
    return (await import('../report/render.ts')).FORMATS.map(({ name }) => name);
  },
  async against(context) {
    const { openStore } = await import('../store/store.ts');
    const store = openStore(context.db, { readonly: true });
    try {
      return store.baselines().map(({ name }) => name);
    } finally {
      store.close();
    }
  },
  async metric() {
    return (await import('../core/metric.ts')).METRIC_NAMES;
  },
  async status() {
    return ['queued', 'running', 'ok', 'failed', 'cancelled', 'interrupted'];
  },
};

/** The names of one kind; none of a kind that is not known, or where its files cannot be read: a shell completes, it does not complain. */
export async function valuesOf(context: Context, kind: string): Promise<readonly string[]> {
  const find = Object.hasOwn(VALUES, kind) ? VALUES[kind] : undefined;
  return find ? find(context).catch(() => []) : [];
}
