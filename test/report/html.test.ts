import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import type { ComparisonRow } from '../../src/core/comparison.ts';
import { publishedOf } from '../../src/core/published.ts';
import type { Store } from '../../src/core/store.ts';
import file from '../../src/data/published.json' with { type: 'json' };
import { html } from '../../src/report/html.ts';
import { picture } from '../../src/report/picture.ts';
import { faultsOf } from '../support/axe.ts';
import { freshStore } from '../support/database.ts';
import { fillDemo } from '../support/demo-store.ts';
import { temporaryFolder } from '../support/folder.ts';
import { material } from '../support/material.ts';
import { browser, openPage, overflow } from '../support/page.ts';
import { end, FACTS, newRun, sample, tokenTimes } from '../support/runs.ts';
import { metricsOf, summary } from '../support/summaries.ts';

const PUBLISHED = publishedOf(file);

function demo(t: TestContext): Store {
  const store = freshStore(t);
  fillDemo(store, { now: Date.UTC(2026, 10, 21) });
  return store;
}

function written(store: Store): string {
  return html(material(store.runs(), { detail: (id) => store.run(id), published: PUBLISHED }));
}

/** Opens the report from the disk in a browser without a network; every address it asks for is remembered. */
async function opened(t: TestContext, text: string, options: Parameters<typeof openPage>[1] = {}): Promise<{ page: Page; asked: string[] }> {
  const path = join(temporaryFolder('report', t), 'report.html');
  writeFileSync(path, text);
  const page = await openPage(t, { offline: true, ...options });
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(pathToFileURL(path).href);
  return { page, asked };
}

test('from the disk, without network and scripts: all charts are drawn, their figures stand in tables', browser, async (t) => {
  const store = demo(t);
  const { page, asked } = await opened(t, written(store), { javaScriptEnabled: false });
  assert.deepEqual(
    asked.filter((url) => !url.startsWith('file:')),
    [],
  );
  assert.equal(asked.length, 1, 'one file is the whole report');
  const charts = await page.locator('svg[role=img]').all();
  assert.ok(charts.length >= 10, `${charts.length} charts`);
  for (const chart of charts) {
    const box = await chart.boundingBox();
    assert.ok(box && box.width > 300 && box.height > 60, 'a chart has a size');
    assert.match((await chart.getAttribute('aria-label')) ?? '', /\w+\. \w+/);
  }
  const titles = await page.locator('h3').allTextContents();
  for (const title of [
    'Decode by device',
    'Prefill by device',
    'TTFT by device',
    'J/token by device',
    'Time between tokens',
    'Power',
    'Temperature',
    'Memory',
  ])
    assert.ok(titles.includes(title), title);
  assert.equal((await page.locator('main table').last().locator('tbody tr').count()) > 0, true);
  assert.equal(await page.getByRole('region', { name: 'Runs', exact: true }).locator('tbody tr').count(), store.runs().length, 'every run is listed');
  assert.ok(await page.getByText('Published by others').first().isVisible());
});

test('figures of a chart are those of its table, and invalid runs are in no chart', browser, async (t) => {
  const runs = [
    summary({ id: 'a', device: 'fast', metrics: metricsOf({ decode_rate: 30 }) }),
    summary({ id: 'b', device: 'slow', metrics: metricsOf({ decode_rate: 10 }) }),
    summary({ id: 'c', device: 'wrong', flags: ['wrong-output'], metrics: metricsOf({ decode_rate: 999 }) }),
  ];
  const { page } = await opened(t, html(material(runs)));
  const svg = page.locator('svg').first();
  const bars = await svg
    .locator('rect[rx="3"]')
    .evaluateAll((found) => found.map((bar) => [bar.textContent, bar.getBoundingClientRect().width] as const));
  assert.equal(bars.length, 2);
  assert.match(bars[0]?.[0] ?? '', /^fast, gcc-12, 2 threads: 30\.4 tokens\/s, from 30\.0 to 30\.7$/);
  assert.ok(Math.abs((bars[0]?.[1] ?? 0) / (bars[1]?.[1] ?? 1) - 3) < 0.05, 'lengths are as the values');
  const cells = await page.getByRole('region', { name: 'Decode of every setting', includeHidden: true }).locator('tbody tr').allTextContents();
  assert.deepEqual(
    cells.map((row) => /30\.4|10\.1/.exec(row)?.[0]),
    ['30.4', '10.1'],
  );
  assert.equal(await page.locator('svg').getByText('wrong').count(), 0);
  assert.match((await page.getByRole('region', { name: 'Runs', exact: true }).textContent()) ?? '', /wrong-output/);
});

test('the traces of a run stand above each other on one time line with its tokens; an estimate is dashed', browser, async (t) => {
  const store = demo(t);
  const run = store.runs({ device: 'rpi5', status: 'ok' })[0]?.id ?? '';
  const where = { prompt: null, launch: 0, repetition: 0 } as const;
  const counted = { source: 'rapl', scope: 'cpu_package', times: [0, 20, 139], values: [0, 60, 417] } as const;
  const estimate = { source: 'tdp', scope: 'estimate', times: [0, 70, 139.75], values: [4, 15, 4] } as const;
  store.annotate(run, [
    { kind: 'series', series: 'energy', unit: 'J', ...where, ...counted, times: [...counted.times], values: [...counted.values] },
    { kind: 'series', series: 'power', unit: 'W', ...where, ...estimate, times: [...estimate.times], values: [...estimate.values] },
  ]);
  const { page } = await opened(t, html(material(store.runs({ id: run }), { detail: (id) => store.run(id) })));
  const strip = (title: string) => page.locator(`svg[aria-label^="${title}."]`);
  const ticks = (title: string) =>
    strip(title)
      .locator('text[text-anchor=middle]')
      .evaluateAll((found) => found.map((text) => [text.textContent, text.getBoundingClientRect().x]));
  const seconds = await ticks('Tokens');
  assert.ok(seconds.length >= 3, `${seconds}`);
  for (const title of ['Power', 'Temperature', 'Clock', 'Memory']) assert.deepEqual(await ticks(title), seconds, title);
  const ends = async (title: string) => {
    const path = (await strip(title).locator('path.line').first().getAttribute('d')) ?? '';
    const places = [...path.matchAll(/[ML]([\d.]+) /g)].map(([, x]) => Number(x));
    return [Math.min(...places), Math.max(...places)] as const;
  };
  const [from, to] = await ends('Power');
  assert.deepEqual(await ends('Temperature'), [from, to], 'what was read together stands together');
  const [first, last] = await ends('Tokens');
  assert.ok(from < first && last < to, 'tokens were made in the middle of it');
  const paths = await strip('Power')
    .locator('path.line')
    .evaluateAll((found) => found.map((path) => [path.textContent, path.getAttribute('stroke-dasharray')]));
  assert.deepEqual(paths, [
    ['tdp, estimate', '5 4'],
    ['pmic', null],
    ['rapl', null],
  ]);
  assert.ok(await page.getByText('tdp: estimate, computed, not measured: drawn apart and never compared').isVisible());
});

test('comparisons are drawn with their intervals, and their verdicts stand in the table', browser, async (t) => {
  const row = {
    ...{ id: 'a', device: 'pi', model: 'tiny', suite: 'pair', threads: 2, metric: 'decode_rate', unit: 'tokens/s', better: 'higher' },
    ...{
      baseline: 'clang-14',
      candidate: 'clang-19',
      baselineMedian: 10,
      candidateMedian: 11,
      change: 0.1,
      interval: [0.05, 0.15],
      verdict: 'faster',
    },
    ...{ pairs: 8, invalidPairs: 0, p: 0.008, threshold: 0.02, noise: null, note: null },
  } as const satisfies ComparisonRow;
  const unknown = { ...row, device: '<b>pi4', change: -0.01, interval: [null, 0.03], verdict: 'unknown' } as const satisfies ComparisonRow;
  const none = { ...row, device: 'same', change: null, interval: null, verdict: 'same code', pairs: 0 } as const satisfies ComparisonRow;
  const { page } = await opened(t, html(material([summary()], { comparisons: [row, unknown, none] })));
  const svg = page.locator('svg[aria-label^="Comparisons."]');
  const place = async (verdict: string) => Number(await svg.locator(`circle.verdict-${verdict}`).getAttribute('cx'));
  assert.equal(await svg.locator('circle').count(), 2, 'without pairs there is nothing to draw');
  assert.ok((await place('faster')) > (await place('unknown')), 'faster lies to the right');
  const cells = await page.getByRole('region', { name: 'Comparisons', includeHidden: true }).locator('tbody tr').allTextContents();
  assert.match(cells[0] ?? '', /^piDecodeclang-19clang-14\+10\.0 %\+5\.0 % to \+15\.0 %8faster$/);
  assert.match(cells[1] ?? '', /^<b>pi4.*−1\.0 %\? to \+3\.0 %8unknown$/);
  assert.match(cells[2] ?? '', /^same.*\?–0same code$/);
});

test('a mail program that drops pictures, style sheets and folding still shows bars as long as their values', browser, async (t) => {
  const runs = [30, 10].map((decode_rate) => summary({ id: `run-${decode_rate}`, device: `of-${decode_rate}`, metrics: metricsOf({ decode_rate }) }));
  const kept = html(material(runs))
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<svg.*?<\/svg>/gs, '')
    .replace(/<\/?(details|summary|main|section|header|footer)\b[^>]*>/g, '');
  const { page } = await opened(t, kept, { javaScriptEnabled: false });
  const bars = await page.locator('table').nth(1).locator('td div div').all();
  const boxes = await Promise.all(bars.map((bar) => bar.boundingBox()));
  assert.deepEqual(
    boxes.map((box) => box?.height),
    [10, 10],
  );
  assert.ok(Math.abs((boxes[0]?.width ?? 0) / (boxes[1]?.width ?? 1) - 3) < 0.1);
  assert.ok(await page.getByText('30.4 tokens/s').first().isVisible());
});

test('it asks for nothing: no address, script, event or frame is in it', (t) => {
  const text = written(demo(t));
  assert.doesNotMatch(text, /<(script|link|iframe|object|embed|img|form|base|image|use|foreignObject)\b/i);
  assert.doesNotMatch(text, /\s(src|href|srcset|action|background|on[a-z]+|xlink:href)=/i);
  assert.doesNotMatch(text, /url\(|@import|expression\(/i);
  assert.match(text, /<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;">/);
  assert.ok(text.length < 3e6, `${text.length} bytes`);
  assert.match(text, /<div style="width:\d+%;height:10px;background:#0072b2/, 'bars for programs that drop pictures');
});

const EVIL = [
  '<img src=x onerror="window.pwned=1">',
  '</title></style><script>window.pwned=1</script>',
  '"><svg onload=window.pwned=1>',
  "' style='position:fixed",
  'safe\u202egpj.exe\u2066',
  '\u001b[31mred\u0007',
  '&lt;b&gt; ]]> <!--',
  '__proto__',
];

test('whatever devices and files say stays text', browser, async (t) => {
  const store = freshStore(t);
  EVIL.forEach((evil, i) => {
    const build = { sha256: evil, compiler: evil, flags: evil, target: 'x86_64-linux' } as const;
    const facts = { ...FACTS, cpu: evil, kernel: evil, governor: evil };
    store.createRun(newRun({ id: `run-${i}`, device: evil, toolchain: evil, model: evil, suite: evil, cpus: evil, facts, build }));
    const at = (seq: number) => ({ seq, wall: 1, mono: 1 });
    store.appendMany(`run-${i}`, [
      { ...at(1), kind: 'engine', engine: { version: evil, isa: evil, layouts: evil } },
      sample(2, 'decode_rate', 5, { prompt: evil }),
      tokenTimes(3, [1, 2, 3.5], { prompt: evil }),
      { ...at(4), kind: 'output', prompt: evil, launch: 0, repetition: 0, hash: evil.slice(0, 64), text: EVIL.join('\n'), tokens: 3 },
      { ...at(5), kind: 'flag', flag: 'clock-skew', evidence: evil },
      end(6, 'ok', evil),
    ]);
  });
  const row = {
    id: 'x',
    engine: EVIL[1] as string,
    model: EVIL[0] as string,
    threads: 1,
    test: EVIL[2] as string,
    note: EVIL[3] as string,
    story: null,
  };
  const figure = { metric: 'decode_rate', value: 1, until: null, unit: 'tokens/s', basis: 'stated', grade: 'D', source: EVIL[1] as string } as const;
  const published = {
    retrieved: EVIL[0] as string,
    rows: [{ ...row, ...figure, device: EVIL[0] as string }],
    stories: [{ id: 'x', title: EVIL[0] as string, text: EVIL[1] as string, grade: 'D', source: EVIL[2] as string } as const],
  };
  const { page, asked } = await opened(t, html(material(store.runs(), { detail: (id) => store.run(id), published })));
  assert.equal(await page.evaluate(() => 'pwned' in window), false);
  assert.equal(asked.length, 1);
  const strange = await page.evaluate(() => document.querySelectorAll('script, img, iframe, b, a, [onload], [onerror], body style').length);
  assert.equal(strange, 0);
  const text = await page.evaluate(() => document.documentElement.textContent ?? '');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  assert.doesNotMatch(text.replace(/\n/g, ''), /[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u2066-\u2069]/);
  for (const shown of [EVIL[0], EVIL[1], 'safe\\u202egpj.exe\\u2066', '\\u001b[31mred', '__proto__', '&lt;b&gt; ]]> <!--'])
    assert.ok(text.includes(shown as string), shown);
  const chart = picture(store.runs())?.svg ?? '';
  const faults = await page.evaluate((svg) => {
    const parsed = new DOMParser().parseFromString(svg, 'image/svg+xml');
    return [parsed.querySelectorAll('parsererror, script, image, [onload]').length, parsed.documentElement.nodeName];
  }, chart);
  assert.deepEqual(faults, [0, 'svg']);
});

test('a phone shows it without sideways scrolling, in the dark too', browser, async (t) => {
  const { page } = await opened(t, written(demo(t)), { viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
  assert.ok((await overflow(page)) <= 0);
  const colours = await page.evaluate(() =>
    ['body', 'svg .ground', 'svg text.text'].map((selector) => {
      const { backgroundColor, fill } = getComputedStyle(document.querySelector(selector) as Element);
      return selector === 'body' ? backgroundColor : fill;
    }),
  );
  assert.deepEqual(colours, ['rgb(16, 20, 23)', 'rgb(24, 29, 33)', 'rgb(231, 234, 236)']);
});

test('axe-core finds nothing wrong with it, in light and dark, with every table open', browser, async (t) => {
  const store = demo(t);
  const published = { ...PUBLISHED, rows: PUBLISHED.rows.slice(0, 12) };
  const { page } = await opened(t, html(material(store.runs({ limit: 16 }), { detail: (id) => store.run(id), published })));
  await page.evaluate(() => {
    for (const details of document.querySelectorAll('details')) details.open = true;
  });
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await faultsOf(page), [], colorScheme);
  }
});

test('no runs, and none that is valid, are told in words', () => {
  assert.match(html(material([])), /<p>No runs\.<\/p>/);
  assert.match(html(material([summary({ flags: ['busy'] })])), /No run here is valid/);
  assert.equal(picture([summary({ flags: ['busy'] })]), null);
});
