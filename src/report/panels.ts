import { type Child, h, type Markup } from './markup.ts';

/** A framed part of the page: its head, what it shows in a sentence, and that. */
export function panel(title: string | null, about: string | null, ...children: readonly Child[]): Markup {
  return h('div', { class: 'panel' }, title && h('h3', {}, title), about && h('p', { class: 'note' }, about), children);
}

/** A table that may be wider than the page; figures stand to the right. `looks` are classes of rows. */
export function table(
  caption: string,
  titles: readonly string[],
  rows: readonly (readonly (string | Markup)[])[],
  looks: readonly (string | null)[] = [],
): Markup {
  const figures = titles.map(
    (_, i) => rows.some((row) => isFigure(row[i])) && rows.every((row) => isFigure(row[i]) || row[i] === '–' || row[i] === ''),
  );
  const side = (i: number) => (i > 0 && figures[i] ? 'figure' : null);
  const cell = (content: string | Markup | undefined, i: number) =>
    i === 0 ? h('th', { scope: 'row' }, content) : h('td', { class: side(i) }, content);
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          titles.map((title, i) => h('th', { scope: 'col', class: side(i) }, title)),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((row, at) => h('tr', { class: looks[at] }, row.map(cell))),
      ),
    ),
  );
}

function isFigure(cell: string | Markup | undefined): boolean {
  return typeof cell === 'string' && /^[+−-]?\d/.test(cell);
}
