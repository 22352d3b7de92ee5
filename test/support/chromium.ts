import { existsSync } from 'node:fs';

const BROWSERS = [process.env.FLEET_CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Path of the browser; undefined where there is none. */
export const BROWSER = BROWSERS.find((path) => path !== '' && existsSync(path));

export const BROWSER_ARGUMENTS: readonly string[] = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--no-proxy-server'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];
