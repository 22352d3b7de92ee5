import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { loadSuite, SUITE_NAMES } from '../../src/fleet/suite.ts';
import { PAGES } from '../../web/pages.ts';
import { faultsOf } from '../support/axe.ts';
import { dashboard } from '../support/dashboard.ts';
import { addDemoComparisons, addDemoHistory, fillDemo } from '../support/demo-store.ts';
import { browser, bundledPage, ink, openPage, overflow, settled } from '../support/page.ts';
import { PUBLISHED_ROWS } from '../support/published.ts';

/** Charts of each page. */
const CHARTS: Record<string, string[]> = {
  overview: ['left', 'right'],
  compare: ['effects'],
  trends: ['trend-0'],
  pareto: ['pareto'],
  roofline: ['roofline'],
};

async function demo(t: TestContext) {
  const server = await dashboard(t, { webRoot: await bundledPage(t), published: PUBLISHED_ROWS, suites: SUITE_NAMES.map(loadSuite) });
  fillDemo(server.store);
  addDemoComparisons(server.store);
  addDemoHistory(server.store);
  return server;
}

/** Opens a page of the dashboard and waits until it is drawn. */
async function open(page: Page, url: string, search: string): Promise<void> {
  await page.goto(url + search);
  await page.waitForSelector('.link-state.up');
}

test('every page is drawn from its address, has its charts with tables, and axe-core finds nothing wrong in light and dark', browser, async (t) => {
  const { url, store } = await demo(t);
  const page = await openPage(t, { colorScheme: 'light' });
  const run = store.runs({ device: 'rpi5', status: 'ok' })[0]?.id;
  for (const [name, search] of [...PAGES.map((one) => [one, `?page=${one}`] as const), ['run', `?run=${run}`] as const]) {
    await page.emulateMedia({ colorScheme: 'light' });
    await open(page, url, search);
    for (const chart of CHARTS[name] ?? []) {
      assert.ok((await ink(page, chart)).pixels > 500, `${name}: ${chart} is drawn`);
      const label = await page.getAttribute(`canvas[data-chart="${chart}"]`, 'aria-label');
      assert.match(label ?? '', /table below/, chart);
    }
    assert.equal(
      await page.locator('canvas:visible').count(),
      await page
        .locator('.panel:visible:has(canvas)')
        .evaluateAll((panels) => panels.reduce((sum, panel) => sum + panel.querySelectorAll('canvas').length, 0)),
    );
    for (const panel of await page.locator('.panel:visible:has(canvas)').all())
      assert.ok((await panel.locator('table').count()) > 0, `${name}: a table beside every chart`);
    if (name !== 'run') assert.equal(await page.textContent('#pages [aria-current="page"]'), (name[0]?.toUpperCase() ?? '') + name.slice(1));
    assert.deepEqual(await faultsOf(page), [], `${name}, light`);
    await page.emulateMedia({ colorScheme: 'dark' });
    assert.deepEqual(await faultsOf(page), [], `${name}, dark`);
  }
});

test('no page is wider than a phone, with every table open, in another language', browser, async (t) => {
  const { url } = await demo(t);
  const page = await openPage(t, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, locale: 'de-DE' });
  for (const name of PAGES) {
    await open(page, url, `?page=${name}`);
    await page.evaluate(() => {
      for (const details of document.querySelectorAll('details')) details.open = true;
    });
    assert.ok((await overflow(page)) <= 0, name);
    assert.deepEqual(await faultsOf(page), [], `${name}, phone`);
  }
  await open(page, url, '?page=compare');
  assert.match((await page.locator('#page tbody').textContent()) ?? '', /\d,\d %/, 'figures as the reader writes them');
});

test('compare: verdicts of pairs with interval and noise, grey ratios elsewhere; any axis; the address holds it all', browser, async (t) => {
  const { url } = await demo(t);
  const page = await openPage(t);
  await open(page, url, '?page=compare&by=toolchain&base=clang-14&candidate=clang-19');
  const rows = () => page.locator('[aria-label="Effects"] tbody tr').allTextContents();
  await page.click('[aria-label="Effects"] summary');
  const [first = '', ...others] = await rows();
  assert.match(first, /thinkpad .*pair.*\+[78](\.\d)? %.* to .*▲ faster±\d\.\d %8 pairs/);
  assert.ok(others.length >= 15);
  for (const other of others) assert.match(other, /\? unknown.*no pairs/);
  assert.match((await page.locator('[aria-label="A/A floors"]').textContent()) ?? '', /thinkpad 4 threads: -?−?\S+ % to \+?\S+ %, 8 pairs/);
  await page.getByText('Swap sides').click();
  await page.waitForFunction(() => document.querySelector('#page h3')?.textContent?.startsWith('clang-14 against clang-19'));
  await page.click('[aria-label="Effects"] summary');
  assert.match((await rows())[0] ?? '', /▼ slower/);
  await page.focus('#pick-by');
  await page.selectOption('#pick-by', 'threads');
  await page.waitForFunction(() => /threads against/.test(document.querySelector('#page h3')?.textContent ?? ''));
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'pick-by', 'the focus stays');
  await page.selectOption('#pick-metric', 'prefill_rate');
  await page.waitForFunction(() => /Prefill/.test(document.querySelector('#page h3')?.textContent ?? ''));
  const told = () => page.evaluate(() => [location.href, document.querySelector('#page h3')?.textContent]);
  const before = await told();
  await page.reload();
  await page.waitForSelector('#page h3');
  assert.deepEqual(await told(), before);
  await page.goBack();
  await page.waitForFunction(() => /Decode/.test(document.querySelector('#page h3')?.textContent ?? ''));
});

test('filters go along from page to page, and back leads back', browser, async (t) => {
  const { url } = await demo(t);
  const page = await openPage(t);
  await open(page, url, '');
  await page.selectOption('#filter-device', 'rpi5');
  await page.click('#pages >> text=Pareto');
  await page.waitForSelector('canvas[data-chart="pareto"]');
  await page.waitForURL(/device=rpi5&page=pareto|page=pareto&device=rpi5/);
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'main');
  assert.equal(await page.locator('#page .legend li').count(), 1);
  await page.click('text=speed and memory');
  await page.waitForFunction(() =>
    document.querySelector('canvas[data-chart="pareto"]')?.getAttribute('aria-label')?.startsWith('Peak RSS against Decode'),
  );
  await page.click('#page tbody a >> nth=0');
  await page.waitForSelector('#run-title');
  await page.goBack();
  await page.waitForSelector('canvas[data-chart="pareto"]');
  await page.goBack();
  await page.waitForURL((url) => !url.search.includes('y='));
  await page.goBack();
  await page.waitForSelector('.card-name');
  await settled(page);
  assert.equal(await page.inputValue('#filter-device'), 'rpi5');
});

test('device cards tell what a device does now, its best, its energy, when it was seen and its flags', browser, async (t) => {
  const { url } = await demo(t);
  const page = await openPage(t);
  await open(page, url, '');
  const card = async (id: string) => (await page.locator(`.card[data-device="${id}"]`).textContent()) ?? '';
  assert.match(await card('desktop'), /4\d\.\d tokens\/s.*clang-19 · 8 threads.*ok.*last seen/);
  assert.match(await card('rpi5'), /0\.6\d+ J|6\d\d mJ.*board_rails_partial.*running/);
  assert.match(await card('moto-g56'), /wall_ac.*failed.*wrong-output/);
  assert.match(await card('rpi3'), /no valid run/);
  await page.click('.card[data-device="desktop"] a');
  await page.waitForSelector('#run-title');
  const text = (await page.locator('#run').textContent()) ?? '';
  assert.match(text, /\.\/fleet bench --device desktop --toolchain clang-19 --flags '-O3 -flto' --model bitnet-2b-4t --suite standard --threads 8/);
});

test('trends: epochs with what began them, and a change within one that no cause explains', browser, async (t) => {
  const { url } = await demo(t);
  const page = await openPage(t);
  await open(page, url, '?page=trends&suite=nightly');
  await page.click('.trend summary');
  const rows = await page.locator('.trend tbody tr').allTextContents();
  assert.equal(rows.length, 3);
  assert.match(rows[1] ?? '', /kernel: 6\.6\.20 → 6\.12/);
  assert.match(rows[2] ?? '', /code: \w+… → \w+….*slower by [-−]\d(\.\d)? %.*unconfirmed/);
  assert.equal((rows[0]?.match(/slower|faster/g) ?? []).length, 0);
  assert.deepEqual(
    rows.map((row) => /1111aaaa2222|3333bbbb4444/.exec(row)?.[0]),
    ['1111aaaa2222', '1111aaaa2222', '3333bbbb4444'],
    'the commit of each epoch',
  );
  await page.click('.trend tbody a');
  await page.waitForSelector('#run-title');
});

test('roofline and suites say what they know', browser, async (t) => {
  const { url } = await demo(t);
  const page = await openPage(t);
  await open(page, url, '?page=roofline');
  const rows = await page.locator('#page tbody tr').allTextContents();
  assert.ok(rows.length >= 9 && rows.every((row) => /highest seen/.test(row)), 'a row for each device and model');
  assert.ok(rows.some((row) => /100 %/.test(row)));
  await open(page, url, '?page=suites');
  const text = (await page.locator('#page').textContent()) ?? '';
  for (const name of SUITE_NAMES) assert.ok(text.includes(name), name);
  await page.click('[aria-label="Suite standard"] summary >> nth=1');
  assert.ok((await page.locator('[aria-label="Suite standard"] pre').first().textContent())?.length);
});
