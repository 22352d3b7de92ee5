import { existsSync } from 'node:fs';
import { type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';

const BROWSERS = [process.env.FLEET_CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Path of the browser; undefined where there is none. */
export const BROWSER = BROWSERS.find((path) => path !== '' && existsSync(path));

const ARGUMENTS: readonly string[] = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--no-proxy-server'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

/** Starts a browser whose profile lies in this folder. */
export function launchBrowser(folder: string, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, {
    executablePath: BROWSER,
    timeout: 300_000, // of a slow machine that does other things as well
    args: [...ARGUMENTS],
    viewport: { width: 1280, height: 900 },
    locale: 'en-GB',
    timezoneId: 'UTC',
    ...options,
  });
}
