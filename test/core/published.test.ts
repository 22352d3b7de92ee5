import assert from 'node:assert/strict';
import { test } from 'node:test';
import { METRIC_NAMES } from '../../src/core/metric.ts';
import { PublishedRow, publishedOf } from '../../src/core/published.ts';
import { publishedGroups, publishedText } from '../../src/core/published_groups.ts';
import file from '../../src/data/published.json' with { type: 'json' };

const { rows, stories } = publishedOf(file);

test('every published figure has a name of its own, a source, a grade and the base unit of its metric', () => {
  assert.ok(rows.length > 150, `${rows.length} rows`);
  assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
  for (const row of rows) {
    PublishedRow.parse(row);
    assert.match(row.id, /^[a-z0-9][a-z0-9./-]+$/, row.id);
    assert.ok(row.metric === 'perplexity' ? row.unit === '' : METRIC_NAMES.includes(row.metric) && row.unit !== '', row.id);
    assert.ok(row.until === null || row.until > row.value, `${row.id}: a range ends above where it begins`);
    assert.ok(row.value > 0, row.id);
  }
});

test('the four stories are there, and their figures carry their source and grade', () => {
  const figure = (story: string, metric: string) => rows.find((row) => row.story === story && row.metric === metric);
  assert.deepEqual(
    stories.map(({ id }) => id),
    ['pisellino', 'container', 'rpi3', 'rpi5-tinyllama'],
  );
  assert.equal(figure('pisellino', 'decode_rate')?.value, 11.86);
  assert.equal(figure('pisellino', 'load_time')?.value, 1.1);
  assert.deepEqual([figure('container', 'decode_rate')?.value, figure('container', 'decode_rate')?.until], [14, 16]);
  assert.equal(figure('rpi3', 'decode_rate')?.value, 0.02);
  assert.equal(figure('rpi5-tinyllama', 'model_bytes')?.value, 638e6);
  for (const { story, grade, source } of rows.filter((row) => row.story !== null)) {
    const of = stories.find(({ id }) => id === story);
    assert.deepEqual([grade, source], [of?.grade, of?.source]);
  }
});

test('what contradicts itself stays, under its own label: no figure is picked silently', () => {
  const decode = rows.filter(({ device, metric }) => device.startsWith('Intel i7-13800H') && metric === 'decode_rate').map(({ value }) => value);
  assert.ok(decode.includes(34.5) && decode.includes(20));
  const energy = rows.find(({ metric, value }) => metric === 'energy_per_token' && value === 0.028);
  assert.equal(energy?.basis, 'estimate');
  assert.match(publishedText(energy as PublishedRow, String), /^0\.028 \(estimated\)$/);
  assert.ok(rows.some(({ grade }) => grade === 'D'));
});

test('a group is one setting with its figures, and groups hold every row', () => {
  const groups = publishedGroups(rows);
  assert.equal(
    groups.reduce((sum, { figures }) => sum + Object.keys(figures).length, 0),
    rows.length,
  );
});

test('a file with a mistake is refused: an unknown metric, no source, two rows of one name', () => {
  const set = { source: 'here', grade: 'A', model: 'm', engine: 'e', rows: [{ device: 'd', values: { decode_rate: 1 } }] };
  const of = (changes: object) => () => publishedOf({ retrieved: '2026', sets: [{ ...set, ...changes }], stories: [] });
  assert.equal(of({})().rows.length, 1);
  assert.throws(of({ source: '' }));
  assert.throws(of({ grade: 'E' }));
  assert.throws(of({ rows: [{ device: 'd', values: { speed: 1 } }] }));
  assert.throws(of({ rows: [{ device: 'd', values: { decode_rate: -1 } }] }));
  assert.throws(of({ rows: [set.rows[0], set.rows[0]] }), /two rows are d\/e\/m\/decode-rate/);
});
