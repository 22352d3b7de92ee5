import type { RunSummary } from '../src/core/run.ts';
import { isValid } from '../src/core/validity.ts';
import { flagMeanings } from './chips.ts';
import { COLUMNS, type Column } from './columns.ts';
import { byId, fill, h } from './dom.ts';
import { plural } from './numbers.ts';
import { current, go } from './state.ts';

/** Rows shown before one asks for more. */
const FIRST = 25;
let shown = FIRST;

/** Makes the head of the table once; its buttons sort, by pointer and by keyboard. */
export function prepareTable(redraw: () => void): void {
  fill(
    byId('runs-head'),
    h(
      'tr',
      {},
      COLUMNS.map((column) =>
        h(
          'th',
          { scope: 'col', class: column.looks, 'data-column': column.key },
          h('button', { type: 'button', class: 'sort', title: column.hint, onclick: () => sortBy(column) }, column.title),
        ),
      ),
    ),
  );
  byId('more').addEventListener('click', () => {
    shown += 100;
    redraw();
  });
}

/** Draws the rows in the order of the address. */
export function drawTable(runs: readonly RunSummary[]): void {
  const { sort, order } = current();
  const column = COLUMNS.find(({ key }) => key === sort) ?? (COLUMNS[0] as Column);
  const sorted = [...runs].sort((a, b) => compare(column.value(a), column.value(b), order === 'up' ? 1 : -1));
  for (const head of byId('runs-head').querySelectorAll('th'))
    if (head.dataset.column === column.key) head.setAttribute('aria-sort', order === 'up' ? 'ascending' : 'descending');
    else head.removeAttribute('aria-sort');
  fill(
    byId('runs-body'),
    sorted.slice(0, shown).map((run) =>
      h(
        'tr',
        {
          class: isValid(run) ? '' : run.status === 'running' || run.status === 'queued' ? 'live' : 'invalid',
          'data-run': run.id,
          onclick: openRow(run.id),
        },
        COLUMNS.map(({ looks, cell }, i) => h(i === 0 ? 'th' : 'td', { class: looks, scope: i === 0 ? 'row' : null }, cell(run))),
      ),
    ),
  );
  byId('runs-count').textContent = plural(runs.length, 'run');
  byId('runs-empty').hidden = runs.length > 0;
  byId('more').hidden = runs.length <= shown;
  fill(byId('runs-flags'), flagMeanings(runs));
}

/** A second press turns the order around; figures begin with the highest. */
function sortBy({ key, first }: Column): void {
  const { sort, order } = current();
  go({ sort: key, order: sort === key ? (order === 'up' ? 'down' : 'up') : first });
}

/** Absent values come last in both orders. */
function compare(a: string | number | null, b: string | number | null, sign: 1 | -1): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return sign * (typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b)));
}

/** A click anywhere in a row opens its run, unless it selects text or meets the row's own link. */
function openRow(run: string): EventListener {
  return (event) => {
    if ((event.target as Element).closest('a') || String(getSelection()) !== '') return;
    go({ run });
  };
}
