import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { JournalRecord } from '../../src/core/journal.ts';
import { afterwards } from '../support/afterwards.ts';
import { dashboard } from '../support/dashboard.ts';
import { browser, bundledPage, openPage } from '../support/page.ts';
import { end, newRun, phase, sample } from '../support/runs.ts';

const WRITER = new URL('../support/store-writer.ts', import.meta.url).pathname;

test('an empty database says what to do, and a first bench of another process appears and moves', browser, async (t) => {
  const { url, path, store } = await dashboard(t, { webRoot: await bundledPage(t) });
  const page = await openPage(t);
  await page.goto(url);
  await page.waitForSelector('.link-state.up');
  assert.match((await page.locator('#headline').textContent()) ?? '', /fleet bench --device local/);
  assert.equal(await page.locator('#live').isVisible(), false);

  const writer = spawn(process.execPath, ['--import', 'tsx', WRITER, path, 'theirs', '200'], { stdio: 'ignore' });
  const written = once(writer, 'exit');
  afterwards(t, () => writer.kill());
  const card = page.locator('.live-card[data-run="theirs"]');
  await card.waitFor();
  await page.waitForSelector('#runs-body tr[data-run="theirs"]');
  const rate = (text: string) => page.waitForFunction((wanted) => document.querySelector('.live-rate strong')?.textContent === wanted, text);
  await rate('199');
  assert.deepEqual(await written, [0, null]); // its last record follows the rate: ours would come before it
  store.append('theirs', sample(201, 'decode_rate', 1500));
  await rate('1,500');
  store.append('theirs', sample(202, 'decode_rate', 2500));
  await rate('2,500');
  assert.ok(await card.locator('svg.trail').isVisible(), 'of three rates there is a line');

  store.append('theirs', phase(203, 'measure', 3, 5));
  await page.waitForFunction(() => document.querySelector<HTMLProgressElement>('.live-card progress')?.value === 3);
  assert.match((await card.locator('.live-step').textContent()) ?? '', /measuring.*3 of 5/);
  assert.match((await page.locator('#live-news').textContent()) ?? '', /device-of-theirs: measuring/, 'said to screen readers');
  await card.locator('a').focus();
  store.append('theirs', phase(204, 'measure', 4, 5));
  await page.waitForFunction(() => document.querySelector<HTMLProgressElement>('.live-card progress')?.value === 4);
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'device-of-theirs', 'news leave the focus where it is');

  store.append('theirs', end(205));
  await card.waitFor({ state: 'detached' });
  await page.waitForSelector('#runs-body tr[data-run="theirs"] .status-ok');
  await page.waitForSelector('.card-name');
  assert.equal(await page.locator('.card-name').textContent(), 'device-of-theirs');
});

test('the page of a running bench comes up to date when it ends', browser, async (t) => {
  const { url, store } = await dashboard(t, { webRoot: await bundledPage(t) });
  store.createRun(newRun({ id: 'a' }));
  store.createRun(newRun({ id: 'b', device: 'other' }));
  store.append('a', sample(1, 'decode_rate', 5));
  const page = await openPage(t);
  await page.goto(`${url}?run=a`);
  await page.waitForSelector('#run .status-running');
  await page.locator('.live-card[data-run="a"]').waitFor();
  assert.equal(await page.locator('.live-card[data-run="b"]').isVisible(), false, 'other benches do not disturb');
  const tile = (text: string) => page.waitForFunction((wanted) => document.querySelector('.tile')?.textContent?.includes(wanted), text);
  store.appendMany('a', [sample(2, 'decode_rate', 9), { ...phase(3, 'measure', 2, 5), tokens: 37 } as JournalRecord]);
  await tile('7.00 tokens/s');
  assert.match((await page.locator('.live-card[data-run="a"] .live-step').textContent()) ?? '', /measuring · 2 of 5 · 37 tokens/);
  await page.click('[aria-labelledby="metrics-title"] summary');
  store.append('a', sample(4, 'decode_rate', 10));
  await tile('9.00 tokens/s');
  assert.ok(
    await page.locator('[aria-labelledby="metrics-title"] details').evaluate((details) => (details as HTMLDetailsElement).open),
    'stays open',
  );
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'What these mean', 'the focus stays where it is');
  store.appendMany('a', [sample(5, 'decode_rate', 1), end(6)]);
  await page.waitForSelector('#run .status-ok');
  assert.match((await page.locator('.tile').first().textContent()) ?? '', /7\.00 tokens\/s/);
});

test('a lost server is told, and found again', browser, async (t) => {
  const webRoot = await bundledPage(t);
  const first = await dashboard(t, { webRoot });
  const page = await openPage(t, {}, /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE/);
  await page.goto(first.url);
  await page.waitForSelector('.link-state.up');
  await first.close();
  await page.waitForFunction(() => document.querySelector('#link')?.textContent === 'not connected');
  const second = await dashboard(t, { webRoot, port: Number(new URL(first.url).port) });
  await page.waitForSelector('.link-state.up');
  second.store.createRun(newRun({ id: 'later' }));
  await page.locator('.live-card[data-run="later"]').waitFor();
});
