import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { publishedGroups } from '../../src/core/published_groups.ts';
import { dashboard } from '../support/dashboard.ts';
import { fillDemo } from '../support/demo-store.ts';
import { browser, bundledPage, column, ink, openPage, overflow, settled } from '../support/page.ts';
import { PUBLISHED_ROWS } from '../support/published.ts';
import { end, newRun, sample } from '../support/runs.ts';

async function demo(t: TestContext) {
  const server = await dashboard(t, { webRoot: await bundledPage(t), published: PUBLISHED_ROWS });
  fillDemo(server.store);
  return server;
}

test('the overview has the best of each device, drawn charts with tables and runs; what others published is apart', browser, async (t) => {
  const { url } = await demo(t);
  const page = await openPage(t);
  await page.goto(url);
  await page.waitForSelector('.link-state.up');
  assert.deepEqual(await page.locator('.card-name').allTextContents(), ['desktop', 'thinkpad', 'moto-g56', 'rpi5', 'rpi4', 'rpi3']);
  assert.equal(await page.locator('#runs-body tr').count(), 25);
  await page.click('#more');
  assert.equal(await page.locator('#runs-body tr').count(), 60);
  for (const side of ['left', 'right']) {
    const { pixels, colours } = await ink(page, side);
    assert.ok(pixels > 5000 && colours >= 4, `${side}: ${pixels} pixels in ${colours} colours`);
    await page.click(`#chart-${side} summary`);
    assert.equal(await page.locator(`#chart-${side} tbody tr`).count(), 15, 'a row for each bar: 5 devices by 3 toolchains');
  }
  assert.equal(await page.locator('#chart-left table').getByText('rpi3').count(), 0, 'invalid runs are not charted');
  assert.equal(await page.locator('#runs-body tr.invalid').count(), 4, 'but they are listed');
  await page.click('#pages >> text=Published');
  await page.waitForSelector('#published tbody tr');
  const groups = publishedGroups(PUBLISHED_ROWS.rows.filter(({ story }) => story === null));
  assert.equal(await page.locator('#published tbody tr').count(), groups.length);
  assert.equal(await page.locator('.stories li').count(), 4);
  assert.equal(await page.locator('#headline').isVisible(), false, 'in no chart of measured ones');
  const ours = await page.locator('#ours [aria-label^="BitNet-b1.58-2B-4T"] tbody tr').allTextContents();
  assert.equal(ours.length, 5, 'ours stand above theirs, the best of each device');
  assert.match(ours[0] ?? '', /^desktopclang-19, bitnet-2b-4t, 8 threads.*4\d\.\drun$/);
  assert.match(
    (await page.locator('#ours').textContent()) ?? '',
    /Decode as others published it: 0\.0200 tokens\/s to 73\.2 tokens\/s, \d+ figures of grade A, B, C, D/,
  );
});

test('invalid runs are charted only when one asks for them', browser, async (t) => {
  const { url } = await demo(t);
  const page = await openPage(t);
  await page.goto(url);
  await page.waitForSelector('.card-name');
  await page.check('#invalid');
  await settled(page);
  await page.click('#chart-left summary');
  assert.equal(await page.locator('#chart-left table').getByText('rpi3').count(), 1);
  await page.waitForURL(/invalid=show/);
});

test('one run: figures, conditions, timeline, memory, flags with evidence, output', browser, async (t) => {
  const { url, store } = await demo(t);
  const page = await openPage(t, {}, /status of 404/); // of the run that is missing
  await page.goto(url);
  const run = store.runs({ device: 'rpi3', model: 'bitnet-2b-4t' })[0]?.id ?? '';
  await page.selectOption('#filter-device', 'rpi3');
  await page.selectOption('#filter-model', 'bitnet-2b-4t');
  await settled(page);
  await page.click(`#runs-body tr[data-run="${run}"] td.result`);
  await page.waitForSelector('#run-title');
  assert.equal(await page.textContent('#run-title'), 'rpi3');
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'run-title', 'the title has the focus');
  assert.match(await page.title(), /rpi3/);
  const text = (await page.locator('#run').textContent()) ?? '';
  for (const part of [
    '0.203',
    'Cortex-A53',
    'clang 19.1.7',
    '-O3 -flto',
    '48211 page faults',
    'does not fit in memory',
    'footbridge',
    'size_t words',
    'neon',
  ])
    assert.ok(text.includes(part), part);
  for (const chart of ['timeline', 'memory']) assert.ok((await ink(page, chart)).pixels > 2000, chart);
  await page.click('[aria-labelledby="timeline-title"] summary');
  assert.equal(await page.locator('[aria-labelledby="timeline-title"] tbody tr').count(), 16);
  await page.selectOption('#prompt', 'code');
  await page.waitForURL(/prompt=code/);
  assert.equal(await page.locator('[aria-labelledby="timeline-title"] tbody tr').count(), 16);
  await page.goto(`${url}?run=nobody`);
  await page.waitForSelector('#run-title');
  assert.match((await page.locator('#run').textContent()) ?? '', /There is no run nobody/);
});

test('power, heat, clock, memory and speed stand above each other on one time line; a run without a sensor has what it has', browser, async (t) => {
  const { url, store } = await demo(t);
  const page = await openPage(t);
  const of = (device: string) => store.runs({ device, status: 'ok' })[0]?.id ?? '';
  await page.goto(`${url}?run=${of('rpi5')}`);
  await page.waitForSelector('#power-title');
  for (const strip of ['power', 'temperature', 'frequency', 'memory', 'speed']) assert.ok((await ink(page, `strip-${strip}`)).pixels > 300, strip);
  const panel = page.locator('[aria-labelledby="power-title"]');
  assert.match((await panel.textContent()) ?? '', /pmic: board_rails_partial, some supply rails of the board/);
  await panel.locator('summary').click();
  assert.deepEqual(await panel.locator('tbody th').allTextContents(), [
    'Power, pmic',
    'Temperature',
    'Clock',
    'Memory, RSS',
    'Memory, PSS',
    'Tokens',
  ]);
  assert.match((await page.locator('.tiles').textContent()) ?? '', /J\/token, board_rails_partial/);
  const where = { prompt: null, launch: 0, repetition: 0, source: 'tdp', scope: 'estimate' } as const;
  store.annotate(of('rpi5'), [{ kind: 'series', series: 'power', unit: 'W', ...where, times: [0, 70, 139], values: [4, 15, 4] }]);
  await page.reload();
  await page.waitForSelector('#power-title');
  assert.deepEqual(await panel.locator('.legend').first().locator('li').allTextContents(), ['tdp, estimate', 'pmic']);
  assert.doesNotMatch((await page.locator('.tiles').textContent()) ?? '', /estimate/, 'it stands for nothing');
  await page.goto(`${url}?run=${of('desktop')}`);
  await page.waitForSelector('#memory-title');
  assert.equal(await page.locator('canvas[data-chart^="strip-"]').count(), 1, 'memory alone');
});

test('the address holds the whole state: reload and the back button lead to it', browser, async (t) => {
  const { url } = await demo(t);
  const page = await openPage(t);
  await page.goto(url);
  await page.waitForSelector('.card-name');
  await page.selectOption('#filter-device', 'rpi5');
  await page.click('#axis [data-axis="threads"]');
  await page.selectOption('#metric-left', 'time_to_first_token');
  await page.click('th[data-column="decode_rate"] button');
  const state = async () => ({
    device: await page.inputValue('#filter-device'),
    axis: await page.getAttribute('#axis [aria-pressed="true"]', 'data-axis'),
    left: await page.textContent('#chart-left h3'),
    sort: await page.getAttribute('th[data-column="decode_rate"]', 'aria-sort'),
    rates: await column(page, 'decode_rate'),
  });
  await settled(page);
  const before = await state();
  assert.deepEqual({ ...before, rates: 0 }, { device: 'rpi5', axis: 'threads', left: 'TTFT by threads', sort: 'descending', rates: 0 });
  assert.deepEqual(
    before.rates,
    [...before.rates].sort((a, b) => Number(b) - Number(a)),
  );
  await page.reload();
  await page.waitForSelector('.card-name');
  assert.deepEqual(await state(), before);
  await page.click('#runs-body a >> nth=0');
  await page.waitForSelector('#run-title');
  await page.reload();
  await page.waitForSelector('#run-title');
  await page.goBack();
  await page.waitForSelector('.card-name');
  assert.deepEqual(await state(), before);
  await page.goBack();
  await page.waitForSelector('th[data-column="started"][aria-sort="descending"]');
  assert.equal(await page.inputValue('#filter-device'), 'rpi5');
});

test('sorting and filtering by keyboard; the focus stays where it was', browser, async (t) => {
  const { url } = await demo(t);
  const page = await openPage(t);
  await page.goto(url);
  await page.waitForSelector('.card-name');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.className), 'skip');
  await page.focus('#filter-device');
  await page.keyboard.press('m'); // one letter: of several, those that come late begin another name
  await page.waitForFunction(() => document.querySelector('#runs-count')?.textContent === '11 runs');
  assert.deepEqual(new Set(await column(page, 'device')), new Set(['moto-g56']));
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'filter-device');
  await page.focus('th[data-column="time_to_first_token"] button');
  await page.keyboard.press('Enter');
  await page.waitForSelector('th[data-column="time_to_first_token"][aria-sort="ascending"]');
  await page.keyboard.press('Space');
  await page.waitForSelector('th[data-column="time_to_first_token"][aria-sort="descending"]');
  await settled(page);
  assert.match(await page.evaluate(() => document.activeElement?.textContent ?? ''), /TTFT/);
  assert.equal((await column(page, 'time_to_first_token')).at(-1), '–', 'what is absent comes last');
  await page.focus('#runs-body a >> nth=0');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#run-title');
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.querySelector('.back') as Element).display), 'none');
});

test('news of a running bench take neither the focus nor an open table away, nor a click under way', browser, async (t) => {
  const { url, store } = await demo(t);
  const page = await openPage(t);
  const { id = '', lastSeq = 0 } = store.unfinished()[0] ?? {};
  await page.goto(url);
  await page.waitForSelector('.live-card');
  const row = page.locator('#runs-body a >> nth=2');
  const href = await row.getAttribute('href');
  await row.focus();
  await row.evaluate((link) => link.setAttribute('data-old', ''));
  store.append(id, sample(lastSeq + 1, 'decode_rate', 1));
  await page.waitForSelector('#runs-body [data-old]', { state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('href')), href);

  await page.evaluate(() => {
    addEventListener('pointerdown', ({ target }) => (target as Element).closest('tr')?.setAttribute('data-pressed', ''), {
      capture: true,
      once: true,
    });
  });
  await row.hover();
  await page.mouse.down();
  const pressed = await page.getAttribute('#runs-body [data-pressed]', 'data-run');
  const fetched = page.waitForResponse((response) => response.url().includes(`id=${id}`));
  store.append(id, sample(lastSeq + 2, 'decode_rate', 2));
  await (await fetched).finished();
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 200)));
  assert.equal(await page.locator('#runs-body [data-pressed]').count(), 1, 'what is pressed stands');
  await page.mouse.up();
  await page.waitForSelector('#run-title');
  assert.equal(await page.evaluate(() => new URLSearchParams(location.search).get('run')), pressed);

  await page.goto(`${url}?page=compare`);
  await page.waitForSelector('.link-state.up');
  await page.click('[aria-label="Effects"] summary');
  await page.locator('#page h3').evaluate((title) => title.setAttribute('data-old', ''));
  store.append(id, end(lastSeq + 3));
  await page.waitForSelector('#page [data-old]', { state: 'detached' });
  assert.equal(await page.locator('[aria-label="Effects"] details[open]').count(), 1);
});

test('nothing is wider than a phone, in another language too', browser, async (t) => {
  const { url, store } = await demo(t);
  const page = await openPage(t, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, locale: 'de-DE' });
  await page.goto(url);
  await page.waitForSelector('.link-state.up');
  assert.ok((await overflow(page)) <= 0);
  assert.match((await page.textContent('.card-value')) ?? '', /^\d+,\d tokens\/s$/, 'figures as the reader writes them');
  for (const summary of await page.locator('details summary').all()) await summary.click();
  assert.ok((await overflow(page)) <= 0, 'with every table open');
  await page.goto(`${url}?run=${store.runs({ device: 'moto-g56', status: 'failed' })[0]?.id}`);
  await page.waitForSelector('#run-title');
  assert.ok((await overflow(page)) <= 0, 'a failed run');
  await page.goto(`${url}?run=${store.runs({ device: 'desktop' })[0]?.id}`);
  await page.waitForSelector('#run-title');
  for (const summary of await page.locator('#run details summary').all()) await summary.click();
  assert.ok((await overflow(page)) <= 0, 'a run');
});

test('dark colours are applied, and charts follow when the scheme changes', browser, async (t) => {
  const { url } = await demo(t);
  const page = await openPage(t, { colorScheme: 'light' });
  await page.goto(url);
  await page.waitForSelector('.card-name');
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const picture = () => page.locator('canvas[data-chart="left"]').evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
  const light = [await background(), await picture()];
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.waitForFunction((was) => (document.querySelector('canvas[data-chart="left"]') as HTMLCanvasElement).toDataURL() !== was, light[1] ?? '');
  assert.equal(light[0], 'rgb(246, 246, 243)');
  assert.equal(await background(), 'rgb(16, 20, 23)');
});

test('of a device that was never reached the number of threads is unknown, and no time of a wild clock breaks the page', browser, async (t) => {
  const { url, store } = await dashboard(t, { webRoot: await bundledPage(t) });
  store.createRun(newRun({ id: 'unreached', device: 'pi', threads: 0 }));
  store.finish('unreached', 'failed', 'device pi could not be reached', ['interrupted']);
  store.createRun(newRun({ id: 'wild', device: 'wild' }));
  store.appendMany('wild', [{ seq: 1, wall: -1e300, mono: 1, kind: 'phase', phase: 'limits' }]);
  const page = await openPage(t);
  await page.goto(url);
  await page.waitForSelector('.live-card');
  assert.equal(await page.locator('tr[data-run="unreached"] td').nth(1).textContent(), 'unknown');
  assert.match((await page.locator('tr[data-run="unreached"] th').textContent()) ?? '', /threads unknown/);
  assert.deepEqual(await page.locator('#filter-threads option').allTextContents(), ['all', '2']);
  await page.click('tr[data-run="unreached"] a');
  await page.waitForSelector('#run-title');
  assert.match((await page.locator('.run-what').textContent()) ?? '', /threads unknown$/);
});
