/**
 * What the dashboard takes over a large database: node --import tsx test/support/scale.ts FILE [RUNS] [SAMPLES A RUN].
 * Makes the file where there is none, then prints its size, the 95th percentile of each address of the API, and in a real browser the
 * first paint, the time until everything is drawn, and the time from an action to its result on the screen.
 */
import { existsSync, statSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { quantile } from '../../src/core/stats.ts';
import { fillLarge } from './large-store.ts';
import { served } from './served.ts';

const [path = 'large.db', runs = '100000', each = '100'] = process.argv.slice(2);
const say = (...words: (string | number)[]) => void process.stdout.write(`${words.join('  ')}\n`);
const ms = (value: number) => `${value.toFixed(1)} ms`;
if (!existsSync(path)) {
  const began = performance.now();
  const made = fillLarge(path, { runs: Number(runs), each: Number(each) });
  say('made', `${made.runs} runs, ${made.samples} samples, ${made.series} traces in ${((performance.now() - began) / 1000).toFixed(0)} s`);
}
say('size', `${(statSync(path).size / 1e9).toFixed(2)} GB`);
const opened = performance.now();
const { url, store, page, close } = await served(path);
say('open', ms(performance.now() - opened));

const [device = 'device-00'] = store.devices().map(({ id }) => id);
const run = store.runs({ limit: 1, prompts: false })[0]?.id;
const ADDRESSES = [
  'api/runs?prompts=false&limit=300',
  `api/runs?prompts=false&limit=300&device=${device}`,
  'api/runs?prompts=false&limit=300&toolchain=gcc-13&suite=pair',
  'api/runs?prompts=false&limit=300&status=failed',
  'api/runs?prompts=false&limit=300&valid=false',
  `api/runs/${run}`,
  'api/settings?metrics=decode_rate,energy_per_token,prefill_rate',
  'api/settings?metrics=decode_rate,prefill_rate,bytes_per_token',
  'api/devices',
  'api/compare?limit=100',
  `api/history?metric=decode_rate&device=${device}`,
  'api/history?metric=decode_rate',
];
for (const address of ADDRESSES) {
  const times: number[] = [];
  let bytes = 0;
  let status = 0;
  for (let i = 0; i < 43; i++) {
    const began = performance.now();
    const response = await fetch(url + address);
    bytes = (await response.arrayBuffer()).byteLength;
    status = response.status;
    if (i >= 3) times.push(performance.now() - began);
  }
  const sorted = times.sort((a, b) => a - b);
  say(
    'api',
    address.padEnd(66),
    String(status),
    `p50 ${ms(quantile(sorted, 0.5))}`,
    `p95 ${ms(quantile(sorted, 0.95))}`,
    `${(bytes / 1e3).toFixed(0)} kB`,
  );
}

const shown = await page();
for (const name of ['overview', 'compare', 'trends', 'pareto', 'roofline', 'devices', 'suites']) {
  const paints: number[] = [];
  const wholes: number[] = [];
  for (let i = 0; i < 5; i++) {
    await shown.goto(`${url}?page=${name}${name === 'trends' ? `&device=${device}` : ''}`);
    await shown.waitForSelector('.link-state');
    // As text: a function would bring names of the loader along that the page does not have.
    wholes.push(
      await shown.evaluate<number>(`new Promise((resolve) => {
        const look = () => (document.querySelector('#totals').textContent.includes('loading') ? requestAnimationFrame(look) : resolve(performance.now()));
        look();
      })`),
    );
    paints.push(await shown.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN));
  }
  const middle = (values: number[]) =>
    ms(
      quantile(
        values.sort((a, b) => a - b),
        0.5,
      ),
    );
  say('page', name.padEnd(10), `first paint ${middle(paints)}`, `all drawn ${middle(wholes)}`);
}

/** Milliseconds from an action until what it leads to has been drawn. */
async function interaction(where: Page, act: string, done: string): Promise<number> {
  // As text for the browser's own tool: the policy of the page allows no evaluation in it.
  return where.evaluate<number>(`new Promise((resolve) => {
    const began = performance.now();
    { ${act} }
    const look = () => ((${done}) ? requestAnimationFrame(() => resolve(performance.now() - began)) : setTimeout(look, 1));
    look();
  })`);
}
const choose = (id: string, value: string) =>
  `const s = document.getElementById('${id}'); s.value = '${value}'; s.dispatchEvent(new Event('change'))`;
await shown.goto(url);
await shown.waitForSelector('.link-state.up');
const ACTIONS: [string, string, string][] = [
  [
    'filter by device',
    choose('filter-device', device),
    `[...document.querySelectorAll('#runs-body tr th a')].every((a) => a.textContent === '${device}') && document.querySelectorAll('.card-value:not(.none)').length > 0`,
  ],
  [
    'clear the filter',
    `document.querySelector('#filters .link').click()`,
    `!document.querySelector('#filter-device').value && [...document.querySelectorAll('#runs-body tr th a')].some((a) => a.textContent !== '${device}')`,
  ],
  ['another metric', choose('metric-left', 'peak_rss'), `document.querySelector('#chart-left h3').textContent.startsWith('Peak RSS')`],
  [
    'sort the runs',
    `document.querySelector('th[data-column="decode_rate"] button').click()`,
    `document.querySelector('th[data-column="decode_rate"]').getAttribute('aria-sort') === 'descending'`,
  ],
  [
    'to Compare',
    `[...document.querySelectorAll('#pages a')][1].click()`,
    `document.querySelector('#page h2')?.textContent === 'Compare' && document.querySelector('canvas[data-chart="effects"]')`,
  ],
  ['to Pareto', `[...document.querySelectorAll('#pages a')][3].click()`, `document.querySelector('canvas[data-chart="pareto"]')`],
  ['to Roofline', `[...document.querySelectorAll('#pages a')][4].click()`, `document.querySelector('canvas[data-chart="roofline"]')`],
  ['back to Overview', `[...document.querySelectorAll('#pages a')][0].click()`, `!document.querySelector('#overview').hidden`],
  [
    'open a run',
    `document.querySelector('#runs-body a').click()`,
    `document.querySelector('#run-title') && document.querySelector('canvas[data-chart="timeline"]')`,
  ],
];
for (const [name, act, done] of ACTIONS) say('act', name.padEnd(18), ms(await interaction(shown, act, done)));
await close();
