/**
 * Pictures of every page, light, dark and as wide as a phone: node --import tsx test/support/screenshots.ts [DATABASE] [FOLDER].
 * Without a database the made-up one of demo-store.ts is shown.
 */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

const [given, folder = 'reports/dashboard'] = process.argv.slice(2);
const path = given ?? demo();
mkdirSync(folder, { recursive: true });
const { url, store, page, close } = await served(path);
const run = store.runs({ device: given ? undefined : 'rpi5', valid: true, limit: 1 })[0]?.id;
const addresses = {
  ...Object.fromEntries(PAGES.map((name) => [name, `?page=${name}`])),
  ...(given ? {} : { trends: '?page=trends&suite=nightly' }),
  run: `?run=${run}`,
};
let bytes = 0;
for (const [look, options] of Object.entries(LOOKS)) {
  const shown = await page(options);
  const tool = await shown.context().newCDPSession(shown);
  for (const [name, address] of Object.entries(addresses)) {
    await shown.goto(url + address);
    await shown.waitForSelector('.link-state.up');
    await shown.waitForTimeout(200);
    const { data } = await tool.send('Page.captureScreenshot', { format: 'webp', quality: QUALITY });
    const file = join(folder, `${name}-${look}.webp`);
    writeFileSync(file, Buffer.from(data, 'base64'));
    bytes += statSync(file).size;
  }
}
await close();
process.stdout.write(`${Object.keys(addresses).length * 3} pictures in ${folder}: ${(bytes / 1e6).toFixed(2)} MB\n`);

function demo(): string {
  const made = join(temporaryFolder('demo'), 'fleet.db');
  const filling = openStore(made);
  fillDemo(filling);
  addDemoComparisons(filling);
  addDemoHistory(filling);
  filling.close();
  return made;
}
