import type { RunSummary } from '../src/core/run.ts';
import { isReal, isValid } from '../src/core/validity.ts';
import { byId, fill, h } from './dom.ts';
import { AXES, current, FILTERS, type FilterName, go } from './state.ts';

const selects = new Map<FilterName, HTMLSelectElement>();
const invalid = h('input', { type: 'checkbox', id: 'invalid', onchange: () => go({ invalid: invalid.checked }) });
const clear = h(
  'button',
  { type: 'button', class: 'link', onclick: () => go({ device: '', toolchain: '', model: '', suite: '', status: '' }) },
  'Clear',
);

/** Makes the controls once; drawing only sets them. */
export function prepareFilters(): void {
  for (const name of FILTERS) {
    const select = h('select', { id: `filter-${name}`, onchange: () => go({ [name]: select.value }) });
    selects.set(name, select);
  }
  fill(
    byId('filters'),
    FILTERS.map((name) => h('label', { class: 'pick' }, h('span', {}, name), selects.get(name))),
    h('label', { class: 'tick' }, invalid, 'chart invalid runs too'),
    clear,
  );
  byId('filters').addEventListener('submit', (event) => event.preventDefault());
  fill(
    byId('axis'),
    h('legend', { class: 'unseen' }, 'Axis of the charts'),
    AXES.map((axis) => h('button', { type: 'button', 'data-axis': axis, onclick: () => go({ axis }) }, axis)),
  );
}

/** Sets the controls to the state; their choices are what occurs in the runs. */
export function drawFilters(runs: readonly RunSummary[]): void {
  const state = current();
  for (const [name, select] of selects) {
    const values = [...new Set([...runs.map((run) => run[name] as string), state[name]])].filter((value) => value !== '').sort();
    const wanted = ['', ...values];
    const have = [...select.options].map(({ value }) => value);
    if (wanted.join('\n') !== have.join('\n'))
      fill(
        select,
        h('option', { value: '' }, 'all'),
        values.map((value) => option(value)),
      );
    select.value = state[name];
    select.classList.toggle('chosen', state[name] !== '');
  }
  invalid.checked = state.invalid;
  clear.hidden = FILTERS.every((name) => state[name] === '');
  for (const button of byId('axis').querySelectorAll('button')) button.setAttribute('aria-pressed', String(button.dataset.axis === state.axis));
}

/** The runs that the filters leave. */
export function filtered(runs: readonly RunSummary[]): RunSummary[] {
  const state = current();
  return runs.filter((run) => FILTERS.every((name) => state[name] === '' || run[name] === state[name]));
}

/** Those of them that are charted: never one under way, for it has only a part of its figures; never one of an emulated device. */
export function charted(runs: readonly RunSummary[]): RunSummary[] {
  return current().invalid ? runs.filter((run) => run.status !== 'running' && run.status !== 'queued' && isReal(run)) : runs.filter(isValid);
}

/** The value of an option is a name as it is, though its text may have escapes. */
function option(value: string): HTMLOptionElement {
  const made = h('option', {}, value);
  made.value = value;
  return made;
}
