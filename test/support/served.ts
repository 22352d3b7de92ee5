import type { BrowserContextOptions, Page } from 'playwright-core';
import { loadInventory } from '../../src/fleet/inventory.ts';
import { loadSuite, SUITE_NAMES } from '../../src/fleet/suite.ts';
import { startServer } from '../../src/server/server.ts';
import { openStore } from '../../src/store/store.ts';
import { BROWSER, launchBrowser } from './chromium.ts';
import { temporaryFolder } from './folder.ts';
import { bundlePage } from './page_bundle.ts';
import { PUBLISHED_ROWS } from './published.ts';

/** For scripts: the dashboard over a database, and browsers to look at it. `close` ends all of it. */
export async function served(path: string) {
  if (!BROWSER) throw new Error('there is no Chromium: install it, or name one in FLEET_CHROMIUM');
  openStore(path).close();
  const store = openStore(path, { readonly: true });
  const inventory = async () => {
    const { devices, profiles } = await loadInventory('devices');
    return { devices: devices.filter(({ id }) => id !== 'local'), profiles };
  };
  const server = await startServer({
    ...{ store, inventory, port: 0, published: PUBLISHED_ROWS },
    suites: SUITE_NAMES.map(loadSuite),
    webRoot: await bundlePage(temporaryFolder('page')),
  });
  const browsers: { close(): Promise<void> }[] = [];
  return {
    url: server.url,
    store,
    async page(options: BrowserContextOptions = {}): Promise<Page> {
      const context = await launchBrowser(temporaryFolder('browser'), options);
      browsers.push(context);
      return context.pages()[0] ?? context.newPage();
    },
    async close(): Promise<void> {
      for (const browser of browsers) await browser.close();
      await server.close();
      store.close();
    },
  };
}
