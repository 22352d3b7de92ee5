import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterwards } from './afterwards.ts';
import { BROWSER, launchBrowser } from './chromium.ts';
import { folder } from './dashboard.ts';
import { bundlePage } from './page_bundle.ts';

/** For the options of a test: false, or why it is skipped. */
export const withoutBrowser: string | false = BROWSER
  ? false
  : 'there is no Chromium: install it (Debian: apt install chromium), or name one in FLEET_CHROMIUM, to test the page';

/** Milliseconds that a page waits for what must come, and a test for all of it: how slow and busy a machine is says nothing of the page. */
const PATIENCE = 180_000;
export const browser = { skip: withoutBrowser, timeout: 900_000 };

/** Waits until the page shows all that its address asks for. */
export async function settled(page: Page): Promise<void> {
  await page.waitForSelector('#main[aria-busy="false"]');
}

/** The page, bundled as src/cli/bundle.mjs does it, in a folder that is removed after the test. */
export async function bundledPage(t: TestContext): Promise<string> {
  return bundlePage(folder(t));
}

/** A page of a browser of its own. After the test: no error on its console, no uncaught one, no breach of the content security policy; but for what is expected. */
export async function openPage(t: TestContext, options: BrowserContextOptions = {}, expected: RegExp | null = null): Promise<Page> {
  const context = await launchBrowser(folder(t), options);
  const faults: string[] = [];
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      console.error(`breach of ${violatedDirective}: ${blockedURI}`),
    );
  });
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(PATIENCE);
  page.on('console', (message) => {
    if ((message.type() === 'error' || message.type() === 'warning') && !expected?.test(message.text())) faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  afterwards(t, async () => {
    await context.close();
    assert.deepEqual(faults, []);
  });
  return page;
}

/** How many pixels of a canvas are drawn on, and in how many colours. */
export async function ink(page: Page, chart: string): Promise<{ pixels: number; colours: number }> {
  const selector = `canvas[data-chart="${chart}"]`;
  await page.waitForSelector(selector, { state: 'attached' });
  // Found and looked at in one step: news may put another one in its place, and wipe this.
  return page.evaluate((wanted) => {
    const canvas = document.querySelector(wanted) as HTMLCanvasElement;
    const { width, height } = canvas;
    const context = canvas.getContext('2d') as CanvasRenderingContext2D;
    const { data } = context.getImageData(0, 0, width, height);
    const colours = new Set<number>();
    let pixels = 0;
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] === 0) continue;
      pixels++;
      if (data[i + 3] === 255) colours.add(((data[i] ?? 0) << 16) | ((data[i + 1] ?? 0) << 8) | (data[i + 2] ?? 0));
    }
    return { pixels, colours: colours.size };
  }, selector);
}

/** Pixels by which the page is wider than its window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** The text of one column of the table of runs. */
export async function column(page: Page, key: string): Promise<string[]> {
  return page.evaluate((wanted) => {
    const heads = [...document.querySelectorAll<HTMLElement>('#runs-head th')];
    const at = heads.findIndex((head) => head.dataset.column === wanted);
    return [...document.querySelectorAll('#runs-body tr')].map((row) => row.children[at]?.firstChild?.textContent ?? '');
  }, key);
}
