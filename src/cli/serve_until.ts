import { join } from 'node:path';
import { which } from 'zx';
import { publishedOf } from '../core/published.ts';
import published from '../data/published.json' with { type: 'json' };
import { loadInventory } from '../fleet/inventory.ts';
import { loadSuite, SUITE_NAMES } from '../fleet/suite.ts';
import { TOOLCHAINS } from '../fleet/toolchains.ts';
import { loadPresets } from '../fleet/twins.ts';
import { prometheus } from '../report/prometheus.ts';
import { startServer } from '../server/server.ts';
import { openStore } from '../store/store.ts';
import { type Choices, Queue } from './bench_queue.ts';
import type { Context } from './context.ts';

/** Where and for whom to serve. */
export interface ServeOptions {
  host?: string;
  port?: number;
  token?: string;
  /** false: nobody benches from the page. */
  bench?: boolean;
}

/** Serves the dashboard until Ctrl-C or SIGTERM. */
export async function serve(context: Context, { bench, ...address }: ServeOptions): Promise<void> {
  const { db, devices, root, give, say } = context;
  openStore(db).close(); // makes it where there is none yet, so that a first bench can be watched, and brings its figures up to date
  const store = openStore(db, { readonly: true });
  const benches = bench === false ? null : new Queue(commandOf(context), choicesOf(context));
  try {
    const server = await startServer({
      ...address,
      store,
      inventory: () => loadInventory(devices),
      published: publishedOf(published),
      suites: SUITE_NAMES.map(loadSuite),
      ...(benches && { benches }),
      metrics: (runs) => prometheus({ runs }),
      webRoot: join(root, 'dist/web'),
    });
    const stopped = new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    });
    give(`${server.url}\n`, { url: server.url });
    say(`fleet: serving ${db}; Ctrl-C ends it.`);
    await stopped;
    await Promise.all([server.close(), benches?.close()]);
  } finally {
    store.close();
  }
}

/** This very program, for a bench of its own process. */
function commandOf({ db, devices }: Context): [string, ...string[]] {
  return [process.execPath, ...process.execArgv, process.argv[1] ?? '', '--db', db, '--devices', devices];
}

function choicesOf({ devices, root }: Context): Choices {
  const installed = TOOLCHAINS.map(async ({ name }) => ((await which(name, { nothrow: true })) ? [name] : []));
  return async () => ({
    devices: (await loadInventory(devices)).devices.map(({ id }) => id),
    toolchains: (await Promise.all(installed)).flat(),
    models: loadPresets(root).map(({ name }) => name),
    suites: SUITE_NAMES,
  });
}
