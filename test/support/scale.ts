/**
 * What the dashboard takes over a large database: node --import tsx test/support/scale.ts FILE [PART ...]. Makes the file where there is none:
 * 100,000 runs and 10 million samples. Parts, all without any: `api`, the 95th percentile of each address; `pages`, in a real browser, the first
 * paint and the time until everything is drawn; `acts`, for keys and clicks on every page the time to the next frame and until their result is
 * drawn. The server is `fleet serve` in a process of its own. Prints Markdown.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { quantile } from '../../src/core/stats.ts';
import { openStore } from '../../src/store/store.ts';
import { PAGES } from '../../web/pages.ts';
import { launchBrowser } from './chromium.ts';
import { ROOT, start } from './cli.ts';
import { temporaryFolder } from './folder.ts';
import { fillLarge } from './large-store.ts';

const PARTS = ['api', 'pages', 'acts'] as const;
const [path = 'large.db', ...asked] = process.argv.slice(2);
const parts = asked.length > 0 ? PARTS.filter((part) => asked.includes(part)) : PARTS;
const say = (text = '') => void process.stdout.write(`${text}\n`);
const row = (...cells: (string | number)[]) => say(`| ${cells.join(' | ')} |`);
const table = (...heads: string[]) => {
  say();
  row(...heads);
  row(...heads.map((_, i) => (i > 0 ? '--:' : '---')));
};
const ms = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
const of = (values: readonly number[], p: number) => ms(quantile(Float64Array.from(values).sort(), p));
if (!existsSync(path)) {
  const began = performance.now();
  const made = fillLarge(path);
  process.stderr.write(
    `made ${made.runs} runs, ${made.samples} samples, ${made.series} traces in ${((performance.now() - began) / 1000).toFixed(0)} s\n`,
  );
}
execFileSync(join(ROOT, 'fleet'), ['setup'], { stdio: 'ignore' });
const server = start(['serve', '--no-bench', '--port', '0', '--db', path, '--json'], { cwd: process.cwd() });
let told = '';
server.child.stdout?.on('data', (text: string) => {
  told += text;
});
await server.said(/"url"[^}]*}/);
const { url } = JSON.parse(told) as { url: string };
const store = openStore(path, { readonly: true });
say(`${(statSync(path).size / 1e9).toFixed(1)} GB, ${process.version}, ${availableParallelism()} processors`);

const [device = 'device-00'] = store.devices().map(({ id }) => id);
const run = store.runs({ limit: 1, prompts: false })[0]?.id;
/** As the page asks for them. */
const RUNS = 'api/runs?prompts=false&limit=300&metrics=decode_rate,prefill_rate,time_to_first_token,inter_token_latency,peak_rss';
const ADDRESSES = [
  RUNS,
  `${RUNS}&device=${device}`,
  `${RUNS}&toolchain=gcc-13&suite=pair`,
  `${RUNS}&status=failed`,
  `${RUNS}&valid=false`,
  `api/runs/${run}`,
  'api/settings?metrics=decode_rate,energy_per_token,prefill_rate',
  'api/settings?metrics=decode_rate,prefill_rate,bytes_per_token',
  'api/devices',
  'api/compare?limit=100',
  `api/history?metric=decode_rate&device=${device}`,
  'api/history?metric=decode_rate',
  `api/history?metric=decode_rate&device=${device}&model=bitnet-2b-4t&suite=standard&threads=4`,
];
if (parts.includes('api')) table('address', 'median', 'p95', 'kB');
for (const address of parts.includes('api') ? ADDRESSES : []) {
  const times: number[] = [];
  let bytes = 0;
  for (let i = 0; i < 43; i++) {
    const began = performance.now();
    const response = await fetch(url + address);
    bytes = (await response.arrayBuffer()).byteLength;
    if (!response.ok) throw new Error(`${address}: status ${response.status}`);
    if (i >= 3) times.push(performance.now() - began);
  }
  row(`/${address}`, of(times, 0.5), of(times, 0.95), (bytes / 1e3).toFixed(0));
}

const browser = await launchBrowser(temporaryFolder('browser'), {});
const shown = browser.pages()[0] ?? (await browser.newPage());
if (parts.includes('pages')) table('page', 'first paint', 'all drawn');
for (const name of parts.includes('pages') ? PAGES : []) {
  const paints: number[] = [];
  const wholes: number[] = [];
  for (let i = 0; i < 5; i++) {
    await shown.goto(`${url}?page=${name}${name === 'trends' ? `&device=${device}` : ''}`);
    await shown.waitForSelector('.link-state');
    // As text: a function would bring names of the loader along that the page does not have.
    wholes.push(
      await shown.evaluate<number>(`new Promise((resolve) => {
        const look = () => (document.querySelector('#main').dataset.shown === undefined ? requestAnimationFrame(look) : resolve(performance.now()));
        look();
      })`),
    );
    paints.push(await shown.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN));
  }
  row(name, of(paints, 0.5), of(wholes, 0.5));
}

/** Real keys and clicks, each as often as it takes to be sure; every one changes the address of the page. */
const key = (id: string, name: string) => (where: Page) => where.locator(`#${id}`).press(name);
const click = (selector: string) => (where: Page) => where.locator(selector).first().click();
const ACTIONS: [page: string, name: string, ...acts: ((where: Page) => Promise<void>)[]][] = [
  ['overview', 'filter by device', key('filter-device', 'ArrowDown'), key('filter-device', 'ArrowUp')],
  ['overview', 'filter by model', key('filter-model', 'ArrowDown'), key('filter-model', 'ArrowUp')],
  ['overview', 'another metric', key('metric-left', 'ArrowDown'), key('metric-left', 'ArrowUp')],
  ['overview', 'another axis', click('[data-axis="toolchain"]'), click('[data-axis="device"]')],
  ['overview', 'sort the runs', click('th[data-column="decode_rate"] button')],
  ['overview', 'open a run, back', click('#runs-body a'), click('#pages a')],
  ['compare', 'another metric', key('pick-metric', 'ArrowDown'), key('pick-metric', 'ArrowUp')],
  ['compare', 'another axis', key('pick-by', 'ArrowDown'), key('pick-by', 'ArrowUp')],
  ['compare', 'swap sides', click('#page button.link')],
  ['compare', 'filter by device', key('filter-device', 'ArrowDown'), key('filter-device', 'ArrowUp')],
  ['trends', 'another metric', key('pick-metric', 'ArrowDown'), key('pick-metric', 'ArrowUp')],
  ['trends', 'filter by threads', key('filter-threads', 'ArrowDown'), key('filter-threads', 'ArrowUp')],
  ['pareto', 'another metric', key('pick-y', 'ArrowDown'), key('pick-y', 'ArrowUp')],
  ['pareto', 'filter by device', key('filter-device', 'ArrowDown'), key('filter-device', 'ArrowUp')],
  ['roofline', 'filter by model', key('filter-model', 'ArrowDown'), key('filter-model', 'ArrowUp')],
  ...PAGES.map((name, i): [string, string, ...((where: Page) => Promise<void>)[]] => [
    PAGES[(i + 1) % PAGES.length] as string,
    `to ${name}`,
    click(`#pages a >> nth=${i}`),
    click(`#pages a >> nth=${(i + 1) % PAGES.length}`),
  ]),
];

/** Milliseconds from an input until the next frame, as the browser tells them (in steps of 8; 0: less than 16), and until its result is drawn. */
async function interaction(where: Page, act: (where: Page) => Promise<void>): Promise<{ paint: number; whole: number }> {
  // As text for the browser's own tool: the policy of the page allows no evaluation in it.
  await where.evaluate(`void (window.awaited = new Promise((resolve) => {
    const main = document.getElementById('main');
    const before = main.dataset.shown;
    let began = null;
    for (const kind of ['keydown', 'click'])
      addEventListener(kind, (event) => { began = event.timeStamp; }, { capture: true, once: true });
    let paint = 0;
    const seen = new PerformanceObserver((list) => {
      for (const { interactionId, startTime, duration } of list.getEntries())
        if (interactionId && began !== null && startTime >= began) paint = Math.max(paint, duration);
    });
    seen.observe({ type: 'event', durationThreshold: 16 });
    const look = () => {
      if (began === null || main.dataset.shown === before) return requestAnimationFrame(look);
      setTimeout(() => {
        const whole = performance.now() - began;
        setTimeout(() => { seen.disconnect(); resolve({ paint, whole }); }, 150);
      });
    };
    requestAnimationFrame(look);
  }))`);
  await act(where);
  return where.evaluate<{ paint: number; whole: number }>('window.awaited');
}

if (parts.includes('acts')) table('page', 'key or click', 'next frame, at most', 'result drawn', 'at most');
for (const [name, what, ...acts] of parts.includes('acts') ? ACTIONS : []) {
  await shown.goto(`${url}?page=${name}${name === 'trends' ? `&device=${device}` : ''}`);
  await shown.waitForSelector('.link-state.up');
  await shown.waitForSelector('#main[data-shown]');
  const took: { paint: number; whole: number }[] = [];
  for (let i = 0; i < 6; i++) took.push(await interaction(shown, acts[i % acts.length] as (typeof acts)[number]));
  const wholes = took.map(({ whole }) => whole);
  const slowest = Math.max(...took.map(({ paint }) => paint));
  row(name, what, slowest === 0 ? 'under 16 ms' : ms(slowest), of(wholes, 0.5), of(wholes, 1));
}
await browser.close();
store.close();
server.child.kill('SIGINT');
await server.ended;
