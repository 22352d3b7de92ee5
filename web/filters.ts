import type { RunSummary } from '../src/core/run.ts';
import type { StoredSetting } from '../src/core/setting.ts';
import { byId, fill, h } from './dom.ts';
import { option } from './pick.ts';
import { AXES, current, FILTERS, type FilterName, go } from './state.ts';

/** 2 threads before 16. */
const inOrder = new Intl.Collator('en', { numeric: true });
const selects = new Map<FilterName, HTMLSelectElement>();
const invalid = h('input', { type: 'checkbox', id: 'invalid', onchange: () => go({ invalid: invalid.checked }) });
const clear = h(
  'button',
  { type: 'button', class: 'link', onclick: () => go({ device: '', toolchain: '', model: '', suite: '', threads: '', status: '' }) },
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

/** Sets the controls to the state; their choices are what occurs in the settings and the runs. */
export function drawFilters(runs: readonly RunSummary[], settings: readonly StoredSetting[], devices: readonly string[]): void {
  const state = current();
  for (const [name, select] of selects) {
    const measured = name === 'status' ? [] : name === 'device' ? devices : settings.map((setting) => String(setting[name]));
    const values = [...new Set([...measured, ...runs.map((run) => String(run[name])), state[name]])]
      .filter((value) => value !== '' && !(name === 'threads' && value === '0')) // 0: unknown
      .sort(inOrder.compare);
    const wanted = ['', ...values];
    const have = [...select.options].map(({ value }) => value);
    if (wanted.join('\n') !== have.join('\n'))
      fill(
        select,
        h('option', { value: '' }, 'all'),
        values.map((value) => option(value, value)),
      );
    select.value = state[name];
    select.classList.toggle('chosen', state[name] !== '');
  }
  invalid.checked = state.invalid;
  clear.hidden = FILTERS.every((name) => state[name] === '');
  selects
    .get('status')
    ?.closest('label')
    ?.toggleAttribute('hidden', state.page !== 'overview');
  invalid.closest('label')?.toggleAttribute('hidden', state.page !== 'overview');
  for (const button of byId('axis').querySelectorAll('button')) button.setAttribute('aria-pressed', String(button.dataset.axis === state.axis));
}

/** The runs that the filters leave. */
export function filtered(runs: readonly RunSummary[]): RunSummary[] {
  const state = current();
  return runs.filter((run) => FILTERS.every((name) => state[name] === '' || String(run[name]) === state[name]));
}

/** The settings that the filters leave, those that are not valid only where one asks for them. */
export function charted(settings: readonly StoredSetting[]): StoredSetting[] {
  const state = current();
  const fits = (setting: StoredSetting) => FILTERS.every((name) => name === 'status' || state[name] === '' || String(setting[name]) === state[name]);
  return settings.filter((setting) => (setting.valid || state.invalid) && fits(setting));
}
