import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { loadSuite, SUITE_NAMES } from '../../src/fleet/suite.ts';
import { PAGES } from '../../web/pages.ts';
import { faultsOf } from '../support/axe.ts';
import { cli } from '../support/cli.ts';
import { dashboard, folder } from '../support/dashboard.ts';
import { measured } from '../support/measured.ts';
import { browser, bundledPage, ink, openPage, overflow, settled } from '../support/page.ts';
import { PUBLISHED_ROWS } from '../support/published.ts';

/** The pages over a database that `fleet bench` and `fleet eval` filled on this machine a moment ago. */

/** It compiles and measures first. */
const slow = { ...browser, timeout: 1_800_000 };
const BUSY = 'other programs used the processor in every run, so that no chart has one';

async function real(t: TestContext) {
  const { path, toolchains, valid } = await measured();
  const server = await dashboard(t, { webRoot: await bundledPage(t), published: PUBLISHED_ROWS, suites: SUITE_NAMES.map(loadSuite), copyOf: path });
  return { ...server, toolchains, valid };
}

async function open(page: Page, url: string, search: string): Promise<void> {
  await page.goto(url + search);
  await page.waitForSelector('.link-state.up');
  await settled(page);
}

const textOf = async (page: Page, selector: string) => (await page.locator(selector).textContent()) ?? '';

test('every page shows what was measured, without a fault for axe-core, and is no wider than a phone', slow, async (t) => {
  const { url, store } = await real(t);
  const page = await openPage(t);
  const [run] = store.runs({ suite: 'smoke', status: 'ok' });
  for (const search of [...PAGES.map((name) => `?page=${name}`), `?run=${run?.id}`]) {
    await open(page, url, search);
    assert.deepEqual(await faultsOf(page), [], search);
    await page.setViewportSize({ width: 390, height: 844 });
    await open(page, url, search);
    assert.ok((await overflow(page)) <= 0, search);
    await page.setViewportSize({ width: 1280, height: 900 });
  }
  await open(page, url, '');
  assert.match(await textOf(page, '#totals'), new RegExp(`^${store.runs().length} runs on 1 device$`));
  assert.equal(await page.locator('#runs-body tr').count(), store.runs().length);
});

test('a run tells what it was: command, hashes, token times, memory and the text that came out', slow, async (t) => {
  const { url, store } = await real(t);
  const page = await openPage(t);
  for (const { id, toolchain, threads, build } of store.runs({ suite: 'smoke', status: 'ok' })) {
    await open(page, url, `?run=${id}`);
    await page.waitForSelector('#run-title');
    const text = await textOf(page, '#run');
    assert.match(text, new RegExp(`\\./fleet bench --device local --toolchain ${toolchain} .*--model tiny --suite smoke --threads ${threads}`), id);
    assert.ok(text.includes(build.sha256.slice(0, 12)));
    for (const chart of ['timeline', 'memory']) assert.ok((await ink(page, chart)).pixels > 200, chart);
    const outputs = new Set(store.run(id)?.outputs.map(({ hash }) => hash));
    for (const hash of outputs) assert.ok(text.includes(hash), 'the hash of every output');
  }
});

test('the report of it is one file that opens from the disk, without network, with its charts and every run', slow, async (t) => {
  const { path, store, valid } = await real(t);
  const file = join(folder(t), 'report.html');
  const { code, stderr } = await cli(['report', '--format', 'html', '--db', path, '-o', file]);
  assert.equal(code, 0, stderr);
  const page = await openPage(t, { offline: true, javaScriptEnabled: false });
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(pathToFileURL(file).href);
  assert.deepEqual(asked, [pathToFileURL(file).href]);
  assert.equal(await page.getByRole('region', { name: 'Runs', exact: true }).locator('tbody tr').count(), store.runs().length);
  const titles = await page.locator('h3').allTextContents();
  for (const title of ['Time between tokens', 'Memory', ...(valid > 0 ? ['Decode by device'] : [])]) assert.ok(titles.includes(title), title);
  for (const chart of await page.locator('svg[role=img]').all()) assert.ok(((await chart.boundingBox())?.width ?? 0) > 300);
});

test('charts hold the medians of the database', slow, async (t) => {
  const { url, store, valid, toolchains } = await real(t);
  if (valid === 0) return t.skip(BUSY);
  const page = await openPage(t);
  await open(page, url, '?suite=smoke');
  for (const chart of ['left', 'right']) assert.ok((await ink(page, chart)).pixels > 500, chart);
  const best = Math.max(
    ...store.settings({ suite: 'smoke', valid: true, metrics: ['decode_rate'] }).map(({ metrics }) => metrics.decode_rate?.value ?? 0),
  );
  const shown = Number.parseFloat((await textOf(page, '.card-value')).replaceAll(',', ''));
  assert.ok(Math.abs(shown / best - 1) < 0.01, `${shown} is ${best}`);

  await open(page, url, '?page=trends&suite=smoke');
  assert.ok((await ink(page, 'trend-0')).pixels > 200);
  await open(page, url, '?page=roofline');
  assert.ok((await ink(page, 'roofline')).pixels > 500);
  await open(page, url, '?page=pareto&x=decode_rate&y=peak_rss');
  assert.ok((await ink(page, 'pareto')).pixels > 500);
  await page.click('text=speed and quality');
  await page.waitForFunction(() =>
    document.querySelector('canvas[data-chart="pareto"]')?.getAttribute('aria-label')?.startsWith('Perplexity against Decode'),
  );
  const [quality] = store.quality();
  assert.match(await textOf(page, '#page'), new RegExp(`Perplexity in the suite ${quality?.suite}: of the model`));
  await page.selectOption('#pick-y', 'kl_divergence');
  await page.waitForSelector('#page .empty');
  assert.match(await textOf(page, '#page .empty'), /KL from parent: `fleet eval --model NAME --parent ORIGINAL`/);

  await open(page, url, '?page=compare&by=threads&base=1&candidate=2');
  assert.ok((await ink(page, 'effects')).pixels > 200);
  if (toolchains.length < 2) return;
  await open(page, url, `?page=compare&by=toolchain&base=${toolchains[0]}&candidate=${toolchains[1]}`);
  assert.ok((await ink(page, 'effects')).pixels > 200);
  await page.click('[aria-label="Effects"] summary');
  assert.match((await page.locator('[aria-label="Effects"] tbody tr').allTextContents()).join('\n'), /local.*smoke.*\? unknown.*no pairs/);
});
