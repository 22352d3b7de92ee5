import { join } from 'node:path';
import { publishedOf } from '../core/published.ts';
import published from '../data/published.json' with { type: 'json' };
import { loadInventory } from '../fleet/inventory.ts';
import { prometheus } from '../report/prometheus.ts';
import { startServer } from '../server/server.ts';
import { openStore } from '../store/store.ts';
import type { Context } from './context.ts';

/** Serves the dashboard until Ctrl-C or SIGTERM. */
export async function serve({ db, devices, root, give, say }: Context, address: { host?: string; port?: number }): Promise<void> {
  openStore(db).close(); // makes it where there is none yet, so that a first bench can be watched
  const store = openStore(db, { readonly: true });
  try {
    const server = await startServer({
      ...address,
      store,
      devices: async () => (await loadInventory(devices)).devices,
      published: publishedOf(published),
      metrics: (runs) => prometheus({ runs }),
      webRoot: join(root, 'dist/web'),
    });
    const stopped = new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    });
    give(`${server.url}\n`, { url: server.url });
    say(`fleet: serving ${db}; Ctrl-C ends it.`);
    await stopped;
    await server.close();
  } finally {
    store.close();
  }
}
