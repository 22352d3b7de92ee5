import { quantity } from '../src/core/format.ts';
import { GRADES, type Grade } from '../src/core/grades.ts';
import { METRICS } from '../src/core/metric.ts';
import type { Published, PublishedRow } from '../src/core/published.ts';
import { type PublishedGroup, publishedGroups, publishedText } from '../src/core/published_groups.ts';
import { fill, h } from './dom.ts';
import { figure, measured } from './numbers.ts';

/** Numbers of others, in a table of their own: they were measured otherwise and never stand in our charts. */
export function drawPublished(place: HTMLElement, { rows, stories, retrieved }: Published): void {
  fill(
    place,
    h('h2', {}, 'Published by others'),
    h(
      'p',
      { class: 'note' },
      `Not measured here, and not by these rules: what others published, read in ${retrieved}, each with its source and a grade of trust. Never mixed with what was measured here.`,
    ),
    h(
      'div',
      { class: 'panel flush' },
      h(
        'div',
        { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Published by others' },
        h(
          'table',
          { class: 'published' },
          h('caption', { class: 'unseen' }, 'Numbers published by others, with source and grade'),
          h('thead', {}, h('tr', {}, ...HEADS.map(([title, looks]) => h('th', { scope: 'col', class: looks }, title)))),
          h('tbody', {}, publishedGroups(rows.filter(({ story }) => story === null)).map(row)),
        ),
      ),
    ),
    h(
      'dl',
      { class: 'meanings' },
      (Object.keys(GRADES) as Grade[]).map((grade) => h('div', {}, h('dt', {}, gradeChip(grade)), h('dd', {}, GRADES[grade]))),
    ),
    h('h3', {}, 'Where this began'),
    h(
      'ul',
      { class: 'stories' },
      stories.map(({ title, text, grade, source }) =>
        h('li', {}, h('strong', {}, title), h('p', {}, text), h('p', { class: 'note' }, gradeChip(grade), ` ${source}`)),
      ),
    ),
  );
}

const HEADS: readonly (readonly [string, string])[] = [
  ['device', ''],
  ['engine', 'wide'],
  ['model', 'wide'],
  ['thr.', 'figure wide'],
  ['prefill t/s', 'figure'],
  ['decode t/s', 'figure'],
  ['other', 'wide'],
  ['grade', ''],
  ['source', 'wide source'],
];

function row({ device, engine, model, threads, test, figures, grade, source, notes }: PublishedGroup): HTMLElement {
  const { prefill_rate, decode_rate, ...rest } = figures;
  const rate = (found: PublishedRow | undefined) => (found ? publishedText(found, figure) : figure(undefined));
  const other = Object.values(rest).map((found) => `${titleOf(found)} ${publishedText(found, (value) => shown(found, value))}`);
  const run = test === null ? engine : `${engine}, ${test}`;
  return h(
    'tr',
    {},
    h('th', { scope: 'row' }, device, h('span', { class: 'range narrow' }, `${run}, ${model}`), h('span', { class: 'range narrow' }, source)),
    h('td', { class: 'wide' }, run),
    h('td', { class: 'wide' }, model),
    h('td', { class: 'figure wide' }, threads ?? quantity(null, '')),
    h('td', { class: 'figure' }, rate(prefill_rate)),
    h('td', { class: 'figure' }, rate(decode_rate)),
    h('td', { class: 'wide when' }, other.join(', ')),
    h('td', {}, gradeChip(grade)),
    h('td', { class: 'wide source' }, source, notes.length > 0 && h('span', { class: 'range' }, notes.join('; '))),
  );
}

function titleOf({ metric }: PublishedRow): string {
  return METRICS.find(({ name }) => name === metric)?.title ?? metric;
}

function shown({ metric }: PublishedRow, value: number): string {
  return metric === 'perplexity' ? figure(value) : measured(value, metric);
}

function gradeChip(grade: Grade): HTMLElement {
  return h('span', { class: `chip grade-${grade}`, title: GRADES[grade] }, h('span', { class: 'unseen' }, 'grade '), grade);
}
