/**
 * Pictures of the dashboard: node --import tsx test/support/screenshots.ts [DATABASE] [FOLDER]. Of a database: every page, light, dark and as wide
 * as a phone. Without one: what takes more devices, power meters and months than one machine has, from the made-up data of demo-store.ts; each
 * of those pictures says so in its first line, and its name begins with "made-up".
 */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StoreReader } from '../../src/core/store.ts';
import { openStore } from '../../src/store/store.ts';
import { PAGES } from '../../web/pages.ts';
import { addDemoComparisons, addDemoHistory, fillDemo } from './demo-store.ts';
import { temporaryFolder } from './folder.ts';
import { served } from './served.ts';

const QUALITY = 55;
const LOOKS = {
  light: { colorScheme: 'light', viewport: { width: 1180, height: 860 } },
  dark: { colorScheme: 'dark', viewport: { width: 1180, height: 860 } },
  phone: { colorScheme: 'light', viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
} as const;
const MADE_UP = 'Made-up data, to show how many devices, power meters and months look: nothing here was measured.';

const [given, folder = 'reports/dashboard'] = process.argv.slice(2);
const made = given === undefined;
mkdirSync(folder, { recursive: true });
const { url, store, page, close } = await served(given ?? demo());
const addresses = made
  ? { overview: '', run: `?run=${richest(store)}`, trends: '?page=trends&suite=nightly', pareto: '?page=pareto' }
  : measured(store);
let [bytes, pictures] = [0, 0];
for (const [look, options] of Object.entries(LOOKS)) {
  if (made && look !== 'light') continue;
  const shown = await page(options);
  const tool = await shown.context().newCDPSession(shown);
  for (const [name, address] of Object.entries(addresses)) {
    await shown.goto(url + address);
    await shown.waitForSelector('.link-state.up');
    await shown.waitForSelector('#main[aria-busy="false"]');
    if (made)
      await shown.evaluate((sentence) => {
        const place = document.getElementById('problem') as HTMLElement;
        place.hidden = false;
        place.textContent = sentence;
      }, MADE_UP);
    await shown.waitForTimeout(200);
    const { data } = await tool.send('Page.captureScreenshot', { format: 'webp', quality: QUALITY });
    const file = join(folder, `${made ? 'made-up-' : ''}${name}-${look}.webp`);
    writeFileSync(file, Buffer.from(data, 'base64'));
    bytes += statSync(file).size;
    pictures++;
  }
}
await close();
process.stdout.write(`${pictures} pictures in ${folder}: ${(bytes / 1e6).toFixed(2)} MB\n`);

/** Every page, each with what the database can fill it with. */
function measured(from: StoreReader): Record<string, string> {
  const energy = from.metrics().includes('energy_per_token');
  return {
    ...Object.fromEntries(PAGES.map((name) => [name, `?page=${name}`])),
    ...(energy ? {} : { pareto: '?page=pareto&y=peak_rss' }),
    run: `?run=${richest(from)}`,
  };
}

/** Of the newest valid runs the one with the most traces. */
function richest(from: StoreReader): string | undefined {
  const traces = (id: string) => from.run(id)?.series.length ?? 0;
  const newest = from.runs({ valid: true, limit: 60, prompts: false }).map(({ id }) => ({ id, traces: traces(id) }));
  return newest.sort((a, b) => b.traces - a.traces)[0]?.id;
}

function demo(): string {
  const path = join(temporaryFolder('demo'), 'fleet.db');
  const filling = openStore(path);
  fillDemo(filling);
  addDemoComparisons(filling);
  addDemoHistory(filling);
  filling.close();
  return path;
}
