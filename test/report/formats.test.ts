import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { METRICS } from '../../src/core/metric.ts';
import type { RunSummary } from '../../src/core/run.ts';
import { FORMATS, formatOf } from '../../src/report/render.ts';
import { material } from '../support/material.ts';
import { seeded } from '../support/random.ts';
import { metricsOf, summary } from '../support/summaries.ts';

async function render(format: string, runs: readonly RunSummary[]): Promise<string> {
  const text = (await formatOf(format).render?.(material(runs))) ?? '';
  return typeof text === 'string' ? text : [...text].join('');
}

/** As a reader that knows RFC 4180 takes it: every row must have as many cells as the first. */
function parseCsv(text: string): string[][] {
  return parse(text, { record_delimiter: '\r\n', relax_quotes: false });
}

const HOSTILE = [
  '=HYPERLINK("http://x.example","y")',
  '+1',
  '-1',
  '@SUM(A1)',
  '\t=1',
  ' =1',
  '＝1',
  'a,"b";c',
  'a\r\nb',
  '| a | b |',
  '`code`',
  '<script>alert(1)</script>',
  '<img src=x onerror=y>',
  '[link](javascript:x)',
  '![](http://x.example)',
  '**bold** _x_ ~~y~~ # z',
  '\x1b[2J\x1b]0;title\x07',
  '\x9b31m',
  '\u202eabc',
  '\ud800',
  '&lt;',
  'a\\|b',
  '$x$',
];

const hostile = (text: string): RunSummary =>
  summary({
    device: text,
    toolchain: text,
    model: text,
    suite: text,
    message: text,
    status: 'failed',
    build: { sha256: text, compiler: text, flags: text, target: text },
    prompts: { [text]: metricsOf({ decode_rate: 1 }) },
  });

test('CSV: a header, a line a run, base units unrounded, absent cells empty', async () => {
  const [header, first, second, ...rest] = parseCsv(
    await render('csv', [summary(), summary({ metrics: metricsOf({ decode_rate: 0.1 + 0.2 }, 3), ended: null })]),
  );
  assert.deepEqual(rest, []);
  assert.equal(header?.length, 19 + 5 * METRICS.length);
  assert.equal(new Set(header).size, header?.length);
  const cell = (row: string[] | undefined, name: string) => row?.[header?.indexOf(name) as number];
  assert.equal(Number(cell(first, 'peak_rss')), 1.31e9 * 1.024); // the highest
  assert.equal(Number(cell(first, 'decode_rate')), 17.3 * 1.012); // the median
  assert.equal(cell(first, 'started'), '2023-11-14T22:13:20.000Z');
  assert.equal(cell(first, 'valid'), 'true');
  assert.equal(Number(cell(second, 'decode_rate_min')), 0.1 + 0.2);
  assert.equal(cell(second, 'decode_rate_n'), '3');
  for (const name of ['decode_rate_p95', 'peak_rss', 'power_mean', 'ended', 'message']) assert.equal(cell(second, name), '', name);
});

test('CSV: no cell is a formula, breaks its line or acts on a terminal', async () => {
  const text = await render('csv', HOSTILE.map(hostile));
  const rows = parseCsv(text);
  assert.equal(rows.length, 1 + HOSTILE.length);
  for (const row of rows) {
    assert.equal(row.length, rows[0]?.length);
    for (const cell of row) assert.ok(cell === '' || Number.isFinite(Number(cell)) || !/^\s*[=+\-@＝＋－＠]/.test(cell), cell);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
  assert.doesNotMatch(text.replaceAll('\r\n', ''), /[\x00-\x1f\x7f-\x9f\u202e]/);
  assert.equal(rows[8]?.[1], 'a,"b";c');
  assert.equal(rows[2]?.[1], "'+1");
});

test('CSV: a negative number stays a number', async () => {
  const rows = parseCsv(await render('csv', [summary({ metrics: metricsOf({ energy_per_token_net: -2 }, 1) })]));
  assert.equal(rows[1]?.[rows[0]?.indexOf('energy_per_token_net') as number], '-2');
});

test('CSV: a time that is none is empty', async () => {
  const rows = parseCsv(await render('csv', [summary({ started: 1e300 })]));
  assert.equal(rows[1]?.[rows[0]?.indexOf('started') as number], '');
});

test('JSON and JSON lines read back the same', async () => {
  const runs = [summary(), ...HOSTILE.map(hostile)];
  assert.deepEqual(JSON.parse(await render('json', runs)), { runs: JSON.parse(JSON.stringify(runs)) });
  const lines = (await render('jsonl', runs)).split('\n');
  assert.equal(lines.pop(), '');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    JSON.parse(JSON.stringify(runs)),
  );
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
  for (const name of ['json', 'jsonl']) assert.doesNotMatch((await render(name, runs)).replaceAll('\n', ''), /[\x00-\x1f\x7f-\x9f\u202e]/);
});

test('Markdown: numbers with units, flags with their meaning, failures with their reason', async () => {
  const text = await render('markdown', [
    summary(),
    summary({ device: 'rpi4', flags: ['busy'] }),
    summary({ device: 'rpi3', status: 'failed', message: 'out of memory', metrics: {} }),
    summary({ model: 'tiny', metrics: metricsOf({ decode_rate: 900, power_mean: 3.2 }, 5) }),
  ]);
  assert.match(text, /^## bitnet-2b-4t, suite standard$/m);
  assert.match(text, /^## tiny, suite standard$/m);
  assert.match(text, /^\| local \| gcc-12 \| 2 \| 17\.5 \| 17\.3–17\.7 \|.*\| 1\.34 GB \|.*\| ok \|$/m);
  assert.match(text, /^- \*\*busy\*\*: other programs used the processor/m);
  assert.match(text, /^- rpi3, gcc-12, 2 threads: failed – out of memory$/m);
  assert.match(text, /\| power \|/);
  assert.match(await render('markdown', []), /No runs\./);
});

test('Markdown: every line of a table has as many cells as its head, whatever the texts hold', async () => {
  for (const text of HOSTILE) {
    let cells = 0;
    for (const line of (await render('markdown', [hostile(text), summary()])).split('\n')) {
      if (!line.startsWith('|')) cells = 0;
      else {
        const found = line.replace(/\\./g, '').split('|').length;
        assert.equal(found, cells || found, `${text}: ${line}`);
        cells = found;
      }
      const bare = line.replace(/\\./g, '');
      assert.doesNotMatch(bare, /[<>`[\]]|:\/\//, text);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
      assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f\u202e]/, text);
    }
  }
});

test('property: random texts never change the shape of a report', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seeded(seed);
    const alphabet = '|`<>"\',=+-@\\\n\r\t\x1b[]()*_#&;:/\u202e\ud800aé漢🙂 ';
    const text = Array.from({ length: 12 }, () => alphabet.charAt(Math.floor(random() * alphabet.length))).join('');
    const rows = parseCsv(await render('csv', [hostile(text), summary()]));
    assert.deepEqual(new Set(rows.map((row) => row.length)).size, 1, `seed ${seed}`);
    assert.equal(rows.length, 3, `seed ${seed}`);
    const tables = (await render('markdown', [hostile(text)])).split('\n').filter((line) => line.startsWith('|'));
    assert.equal(tables.length, 6, `seed ${seed}`);
    assert.equal((await render('jsonl', [hostile(text)])).split('\n').length, 2, `seed ${seed}`);
  }
});

test('a format that is none is refused with the list of those there are', async () => {
  assert.throws(() => formatOf('pdf'), {
    name: 'UsageError',
    message: /^There is no report format "pdf": choose markdown, html, csv, .*prometheus\.$/,
  });
  assert.equal(await render('md', []), await render('markdown', []));
  for (const { name, render: of } of FORMATS) if (of) assert.equal(typeof (await render(name, [])), 'string');
});

test('of very many runs the tables for people have the newest, and say so; what programs read has all', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const runs = Array.from({ length: 4000 }, (_, i) => {
    const device = `device-${i % 203}`;
    const build = { ...summary().build, sha256: `${i % 7}`.repeat(64) };
    const failed = i % 10 === 9;
    return summary({
      ...{ id: `run-${i}`, device, build, toolchain: `cc-${i % 4}`, threads: 1 + (i % 3), model: `model-${names[i % 6]}`, suite: `suite-${i % 5}` },
      ...{ status: failed ? 'failed' : 'ok', message: failed ? 'no' : null, metrics: metricsOf({ decode_rate: 1 + (i % 97), peak_rss: 1e9 + i }) },
    });
  });
  const page = await render('html', runs);
  assert.ok(page.length < 4e6, `${page.length} bytes`);
  assert.match(page, /The newest 1000 of 4000 runs are listed; csv, json and jsonl have all of them/);
  assert.match(page, /Charts are of the 20 of 30 models and suites/);
  assert.match(page, /The first 40 of \d+ are shown/);
  assert.match(page, /<li>and 300 more<\/li>/);
  const text = await render('markdown', runs);
  assert.match(text, /The newest 1000 of 4000 runs are listed/);
  assert.equal(text.split('\n').filter((line) => line.startsWith('| device |')).length, 30, 'every model and suite is among the newest');
  assert.equal(text.split('\n').filter((line) => /^\| device-\d/.test(line)).length, 1000);
  assert.equal(parseCsv(await render('csv', runs)).length, 4001);
  assert.equal((JSON.parse(await render('json', runs)) as { runs: unknown[] }).runs.length, 4000);
  assert.equal((await render('jsonl', runs)).trimEnd().split('\n').length, 4000);
});

test('JSON is one document, laid out as a whole one would be, with any number of runs', async () => {
  for (const runs of [
    [],
    [summary()],
    [summary({ message: 'two\nlines', device: '\u202e' }), summary({ prompts: { p: metricsOf({ decode_rate: 1 }) } })],
  ]) {
    const text = await render('json', runs);
    assert.deepEqual(JSON.parse(text), { runs });
    assert.equal(text.replaceAll('\\u202e', '\u202e'), `${JSON.stringify({ runs }, null, 2)}\n`);
  }
});
