import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JournalRecord } from '../../src/core/journal.ts';
import { PAGES } from '../../web/pages.ts';
import { SIDES_BY } from '../../web/sides.ts';
import { dashboard } from '../support/dashboard.ts';
import { browser, bundledPage, openPage, overflow, settled } from '../support/page.ts';
import { end, FACTS, newRun, sample, tokenTimes } from '../support/runs.ts';

const IMAGE = '<img src=x onerror="window.pwned=1">';
const SCRIPT = '</script><script>window.pwned=1</script>';
const TURNED = 'safe\u202egpj.exe\u2066';
const COLOURED = '\u001b[31mred\u001b[0m\u0007';
const LINK = 'javascript:window.pwned=1';
const ALL = [IMAGE, SCRIPT, TURNED, COLOURED, LINK, '"><svg onload=window.pwned=1>', '{{constructor.constructor("window.pwned=1")()}}', '__proto__'];

test('whatever devices and files say stays text', browser, async (t) => {
  const row = { id: SCRIPT, engine: SCRIPT, model: IMAGE, threads: 1, test: TURNED, grade: 'D', note: TURNED, story: null } as const;
  const figure = { metric: 'decode_rate', value: 1, until: null, unit: 'tokens/s', basis: 'stated' } as const;
  const published = {
    retrieved: IMAGE,
    rows: [{ ...row, ...figure, device: IMAGE, source: LINK }],
    stories: [{ id: 'a', title: IMAGE, text: SCRIPT, grade: 'C', source: TURNED } as const],
  };
  const { url, store } = await dashboard(t, { webRoot: await bundledPage(t), published });
  ALL.forEach((evil, i) => {
    const id = `run-${i}`;
    const facts = { ...FACTS, cpu: evil, board: evil, governor: evil, kernel: `${i}`, features: [evil] };
    store.saveFacts({ id: evil, title: evil }, facts);
    const build = { sha256: evil, compiler: evil, flags: evil, target: 'x86_64-linux' } as const;
    store.createRun(newRun({ id, device: evil, toolchain: evil, model: evil, suite: evil, cpus: evil, journal: evil, facts, build }));
    const at = (seq: number) => ({ seq, wall: 1, mono: 1 });
    const records: JournalRecord[] = [
      { ...at(1), kind: 'engine', engine: { version: evil, isa: evil, kernels: { [evil]: evil }, model: { file: evil, arch: evil } } },
      { ...at(2), kind: 'log', text: evil },
      sample(3, 'decode_rate', 5, { prompt: evil }),
      sample(4, 'prefill_rate', 5, { prompt: evil }),
      tokenTimes(5, [1, 2, 3], { prompt: evil }),
      { ...at(6), kind: 'output', prompt: evil, launch: 0, repetition: 0, hash: evil.slice(0, 64), text: ALL.join('\n'), tokens: 3 },
      { ...at(7), kind: 'flag', flag: 'clock-skew', evidence: evil },
      end(8, 'ok', evil),
    ];
    store.appendMany(id, records);
  });
  store.createRun(newRun({ id: 'live', device: IMAGE, model: SCRIPT }));
  store.appendMany('live', [{ seq: 1, wall: 1, mono: 1, kind: 'phase', phase: 'measure', detail: IMAGE, done: 1, total: 2 }]);

  const page = await openPage(t, {}, /status of 400/); // of ids that are none
  const inert = async (where: string) => {
    assert.equal(await page.evaluate(() => 'pwned' in window), false, where);
    const strange = await page.evaluate(() =>
      [...document.querySelectorAll('body img, body script, body svg:not(.trail), body iframe')].map(({ outerHTML }) => outerHTML),
    );
    assert.deepEqual(
      strange.filter((html) => !html.startsWith('<img src="icon.svg"')),
      [],
      where,
    );
    const text = await page.evaluate(() => document.body.textContent ?? '');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
    assert.doesNotMatch(text, /[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u2066-\u2069]/, where);
    const links = await page.evaluate(() => [...document.querySelectorAll('a')].map(({ protocol, host }) => [protocol, host === location.host]));
    for (const link of links) assert.deepEqual(link, ['http:', true], where);
    assert.ok((await overflow(page)) <= 0, where);
  };
  await page.goto(url);
  await page.waitForSelector('.live-card');
  await inert('overview');
  const names = (await page.locator('#runs-body a').allTextContents()).join('\n');
  for (const shown of [IMAGE, SCRIPT, 'safe\\u202egpj.exe\\u2066', '\\u001b[31mred', '__proto__']) assert.ok(names.includes(shown), shown);

  for (const name of PAGES) {
    await page.goto(`${url}?page=${name}`);
    await page.waitForSelector('.link-state.up');
    await inert(name);
    for (const by of name === 'compare' ? SIDES_BY : []) {
      await page.goto(`${url}?page=compare&by=${by}&base=${encodeURIComponent(IMAGE)}&candidate=${encodeURIComponent(SCRIPT)}`);
      await page.waitForSelector('#page h2');
      await inert(`compare by ${by}`);
    }
  }
  await page.goto(url);
  await page.waitForSelector('.link-state.up');
  await page.selectOption('#filter-device', TURNED);
  await settled(page);
  assert.equal(await page.locator('#runs-body tr').count(), 1);
  await page.reload();
  await page.waitForSelector('#runs-body tr');
  assert.equal(await page.locator('#runs-body tr').count(), 1, 'an evil name goes through the address and back');
  await inert('filtered');

  for (const [i, evil] of ALL.entries()) {
    await page.goto(`${url}?run=run-${i}`);
    await page.waitForSelector('#run pre');
    await inert(`run of ${evil}`);
  }
  const output = (await page.locator('.outputs pre').first().textContent()) ?? '';
  assert.equal(output.split('\n').length, ALL.length, 'lines stay lines');
  assert.ok(output.includes(IMAGE) && output.includes('\\u202e') && output.includes('\\u001b[31m'));

  for (const search of [
    '?run=%3Cimg%20src%3Dx%20onerror%3Dwindow.pwned%3D1%3E',
    `?device=${encodeURIComponent(IMAGE)}&sort=__proto__&left=constructor&axis=toString`,
    '?run=..%2F..%2Fetc',
  ]) {
    await page.goto(url + search);
    await page.waitForFunction(() => !/loading/.test(document.querySelector('#totals')?.textContent ?? ''));
    await inert(search);
  }
});
