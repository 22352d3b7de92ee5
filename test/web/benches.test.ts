import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Queue } from '../../src/cli/bench_queue.ts';
import { afterwards } from '../support/afterwards.ts';
import { ROOT } from '../support/cli.ts';
import { dashboard, folder } from '../support/dashboard.ts';
import { bundledPage, openPage, withoutBrowser } from '../support/page.ts';

const choices = { devices: ['local'], toolchains: ['cc'], models: ['bitnet-2b-4t'], suites: ['smoke', 'standard'] };

test('a bench that is started on the page appears, moves and ends; a second one waits and is taken out', {
  skip: withoutBrowser,
  timeout: 400_000,
}, async (t) => {
  const place = folder(t);
  mkdirSync(join(place, 'devices'));
  writeFileSync(join(place, 'devices/local.yaml'), `connector: local\nworkdir: ${join(place, 'work')}\n`);
  const paths = { db: '' };
  const queue = new Queue(
    [process.execPath, '--import', import.meta.resolve('tsx'), join(ROOT, 'src/cli/main.ts'), '--devices', join(place, 'devices')],
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
  await page.waitForSelector('.live-card, .job-failed', { timeout: 300_000 });
  await page.waitForSelector('.job-done, .job-failed', { timeout: 300_000 });
  const [run] = store.runs();
  assert.deepEqual([run?.status, run?.suite, run?.threads], ['ok', 'smoke', 1]);
});
