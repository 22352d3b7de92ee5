import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { wantsColour } from '../../src/report/colour.ts';
import { textWidth } from '../../src/report/grid.ts';
import { table } from '../../src/report/table.ts';
import { metricsOf, summary, TYPICAL } from '../support/summaries.ts';

const RUNS = [
  summary(),
  summary({ toolchain: 'clang-19', metrics: metricsOf({ ...TYPICAL, decode_rate: 34.6 }) }),
  summary({ device: 'rpi4', flags: ['busy'], metrics: metricsOf(TYPICAL, 5) }),
  summary({ device: 'rpi3', status: 'failed', message: 'no room\x1b[2J for the model', metrics: {} }),
];
const WIDTHS = [400, 160, 120, 100, 80, 72];

test('a wide table has all columns, aligned, with units and spread', () => {
  const lines = table(RUNS, { width: 400 }).split('\n');
  const head = lines.find((line) => line.startsWith('device')) as string;
  for (const title of ['decode t/s', 'range', 'prefill t/s', 'TTFT', 'token p50', 'token p95', 'peak RSS', 'bytes/token', 'bandwidth', 'result']) {
    assert.ok(head.includes(title), title);
  }
  const rows = lines.slice(lines.indexOf(head) + 1, lines.indexOf(head) + 5);
  assert.match(rows[0] as string, /^local {3}gcc-12 .* 17\.5 {2}17\.3–17\.7 .* 820 ms .* 1\.34 GB .* ok$/);
  assert.match(rows[2] as string, /^rpi4 .* – .* ok, busy$/); // five values: no p95
  assert.match(rows[3] as string, /^rpi3 .* failed$/);
  const end = head.indexOf('decode t/s') + 'decode t/s'.length;
  for (const row of rows.slice(0, 3)) assert.match(row.slice(0, end), /\d$/, 'right-aligned below its title');
  assert.equal((rows[1]?.match(/█/g)?.length ?? 0) > 1.9 * (rows[0]?.match(/█/g)?.length ?? 0), true, 'bars begin at zero');
});

test('no line is wider than the terminal, down to narrow ones; what is hidden is named', () => {
  for (const width of [...WIDTHS, 60, 56]) {
    const text = table(RUNS, { width });
    const [body] = text.split('Medians over'); // sentences may wrap
    for (const line of (body as string).split('\n').filter((line) => !line.startsWith('A wider')))
      assert.ok(textWidth(line) <= width, `${width}: ${line}`);
    assert.ok(text.includes('17.5'), `${width}: decode is always there`);
    assert.ok(text.includes('no room\\u001b[2J for the model'), `${width}: so is the reason of a failure`);
  }
  assert.match(table(RUNS, { width: 80 }), /A wider terminal also shows: .*bandwidth/);
  assert.doesNotMatch(table(RUNS, { width: 400 }), /A wider terminal/);
});

test('one run is a card with every metric, and by prompt where there are several', () => {
  const text = table([summary({ prompts: { short: metricsOf({ decode_rate: 20 }), 'long\x1b[0m': metricsOf({ decode_rate: 10 }) } })], {
    width: 100,
  });
  assert.match(text, /^local · gcc-12 · 2 threads · ok$/m);
  assert.match(text, /^ {2}Decode +17\.5 tokens\/s +17\.7 tokens\/s +17\.3 – 17\.7 tokens\/s +25$/m);
  assert.match(text, /^ {2}Peak RSS \(max\) +1\.34 GB/m);
  assert.match(text, /^ {2}long\\u001b\[0m +10\.1/m);
  assert.match(table([summary({ metrics: {}, status: 'failed', message: null })], {}), /local · gcc-12 · 2 threads · failed/);
  assert.equal(table([]), 'No runs.\n');
});

test('colour changes nothing but colour, and is only where it is wanted', () => {
  for (const width of WIDTHS) {
    const coloured = table(RUNS, { width, colour: true });
    assert.notEqual(coloured, table(RUNS, { width }));
    const bare = stripVTControlCharacters(coloured).replace(/ +$/gm, '');
    assert.equal(bare, table(RUNS, { width }));
  }
  assert.ok(!table(RUNS, { colour: false }).includes('\x1b'));
  assert.equal(wantsColour({ isTTY: true }, {}), true);
  assert.equal(wantsColour({ isTTY: true }, { NO_COLOR: '1' }), false);
  assert.equal(wantsColour({ isTTY: true }, { NO_COLOR: '' }), true);
  assert.equal(wantsColour({ isTTY: true }, { TERM: 'dumb' }), false);
  assert.equal(wantsColour({}, { FORCE_COLOR: '1' }), false);
});

test('wide and combining characters count as they are shown', () => {
  assert.deepEqual(['abc', '漢字', 'e\u0301', '🙂', '17.3–17.6'].map(textWidth), [3, 4, 1, 2, 9]);
});
