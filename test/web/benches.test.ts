import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Queue } from '../../src/cli/bench_queue.ts';
import { afterwards } from '../support/afterwards.ts';
import { ROOT } from '../support/cli.ts';
import { dashboard, folder } from '../support/dashboard.ts';
import { browser, bundledPage, openPage } from '../support/page.ts';

const choices = { devices: ['local'], toolchains: ['cc'], models: ['bitnet-2b-4t'], suites: ['smoke', 'standard'] };

/** Begins what it is given when this file is there: the first bench must not be over before the second one was asked for. */
const WHEN = 'while [ ! -e "$0" ]; do sleep 0.1; done; exec "$@"';

test('a bench that is started on the page appears, moves and ends; a second one waits and is taken out', browser, async (t) => {
  const place = folder(t);
  mkdirSync(join(place, 'devices'));
  writeFileSync(join(place, 'devices/local.yaml'), `connector: local\nworkdir: ${join(place, 'work')}\n`);
  const paths = { db: '' };
  const gate = join(place, 'go');
  const queue = new Queue(
    [
      'sh',
      '-c',
      WHEN,
      gate,
      process.execPath,
      '--import',
      import.meta.resolve('tsx'),
      join(ROOT, 'src/cli/main.ts'),
      '--devices',
      join(place, 'devices'),
    ],
    async () => choices,
    () => ({ FLEET_DB: paths.db }),
  );
  const { url, store, path } = await dashboard(t, { webRoot: await bundledPage(t), benches: queue });
  paths.db = path;
  afterwards(t, () => queue.close());
  const page = await openPage(t);
  await page.goto(`${url}?page=devices`);
  await page.waitForSelector('#bench-device');
  await page.selectOption('#bench-suite', 'smoke');
  await page.fill('#bench-threads', '1');
  await page.focus('[data-focus="bench-start"]');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.job-running');
  await page.waitForFunction(() => document.querySelector('[data-focus="bench-start"]')?.textContent === 'Queue');
  await page.click('[data-focus="bench-start"]');
  await page.waitForSelector('.job-waiting');
  await page.click('.job:has(.job-waiting) button');
  await page.waitForSelector('.job-stopped');
  writeFileSync(gate, '');
  await page.waitForSelector('.live-card, .job-failed', { timeout: 600_000 });
  await page.waitForSelector('.job-done, .job-failed', { timeout: 600_000 });
  const [run] = store.runs();
  assert.deepEqual([run?.status, run?.suite, run?.threads], ['ok', 'smoke', 1], (await page.locator('.jobs').textContent()) ?? '');
});
