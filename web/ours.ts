import type { Published, PublishedRow } from '../src/core/published.ts';
import type { StoredSetting } from '../src/core/setting.ts';
import { type Child, fill, h } from './dom.ts';
import { bestByDevice, settingsOf } from './groups.ts';
import { link } from './links.ts';
import { figure, measured, plural } from './numbers.ts';

/** How others call a model, and how we call those of its shape, whatever the types of their tensors. */
const SAME: readonly (readonly [theirs: string, ours: readonly string[]])[] = [
  ['BitNet-b1.58-2B-4T', ['bitnet-2b-4t', 'bitnet-2b-4t-8k']],
  ['bitnet-b1.58, 0.7B', ['bitnet-large']],
  ['TinyLlama-1.1B', ['tinyllama-1.1b']],
];
/** Rows of a model. */
const ROWS = 12;

/** What was measured here of the models that others published figures of: a table of its own, above theirs. */
export function drawOurs(place: HTMLElement, settings: readonly StoredSetting[], { rows }: Published): void {
  const parts = SAME.flatMap(([theirs, names]) => {
    const own = settings.filter(({ model, valid }) => valid && names.includes(shapeOf(model)));
    const models = [...new Set(own.map(({ model }) => model))].sort();
    const best = models.flatMap((model) =>
      bestByDevice(
        settingsOf(
          own.filter((setting) => setting.model === model),
          'decode_rate',
        ),
        'decode_rate',
      ).map((setting) => ({ setting, prefill: prefillOf(own, setting) })),
    );
    return best.length === 0 ? [] : [part(theirs, best.slice(0, ROWS), best.length, rows)];
  });
  fill(
    place,
    h('h2', {}, 'Measured here'),
    h(
      'p',
      { class: 'note' },
      'The best setting of each device and model that others have figures of, by the rules of this project. Theirs stand below, on other hardware and by other rules: look at both, and never take one for the other.',
    ),
    parts.length === 0
      ? h('p', { class: 'empty' }, 'None of the models that others published figures of was measured here yet: `fleet bench -m bitnet-2b-4t` does.')
      : parts,
  );
}

interface Best {
  setting: ReturnType<typeof bestByDevice>[number];
  prefill: number | undefined;
}

function part(theirs: string, best: readonly Best[], all: number, rows: readonly PublishedRow[]): Child {
  const label = `${theirs}, measured here`;
  return h(
    'div',
    { class: 'panel' },
    h('h3', {}, theirs),
    h('p', { class: 'note' }, `${rangeOf(theirs, rows)}${all > best.length ? ` The first ${best.length} of ${all} are shown.` : ''}`),
    h(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': label },
      h(
        'table',
        { class: 'published' },
        h('thead', {}, h('tr', {}, ...HEADS.map(([title, looks]) => h('th', { scope: 'col', class: looks }, title)))),
        h('tbody', {}, best.map(row)),
      ),
    ),
  );
}

const HEADS: readonly (readonly [string, string])[] = [
  ['device', ''],
  ['toolchain', 'wide'],
  ['model', 'wide'],
  ['suite', 'wide'],
  ['thr.', 'figure wide'],
  ['prefill t/s', 'figure'],
  ['decode t/s', 'figure'],
  ['newest run', ''],
];

function row({ setting, prefill }: Best): HTMLElement {
  const { device, toolchain, model, suite, threads, value, run } = setting;
  return h(
    'tr',
    {},
    h('th', { scope: 'row' }, device, h('span', { class: 'range narrow' }, `${toolchain}, ${model}, ${plural(threads, 'thread')}`)),
    h('td', { class: 'wide' }, toolchain),
    h('td', { class: 'wide' }, model),
    h('td', { class: 'wide' }, suite),
    h('td', { class: 'figure wide' }, threads),
    h('td', { class: 'figure' }, figure(prefill)),
    h('td', { class: 'figure' }, h('strong', {}, figure(value))),
    h('td', {}, link({ run }, 'run')),
  );
}

/** "Decode as others published it: 0.25 to 70.7 tokens/s, 40 figures of grade A to D." */
function rangeOf(theirs: string, rows: readonly PublishedRow[]): string {
  const own = rows.filter(({ model, metric }) => model === theirs && metric === 'decode_rate');
  if (own.length === 0) return '';
  const low = Math.min(...own.map(({ value }) => value));
  const high = Math.max(...own.map(({ value, until }) => until ?? value));
  const grades = [...new Set(own.map(({ grade }) => grade))].sort();
  return `Decode as others published it: ${measured(low, 'decode_rate')} to ${measured(high, 'decode_rate')}, ${plural(own.length, 'figure')} of grade ${grades.join(', ')}.`;
}

/** bitnet-2b-4t of bitnet-2b-4t:tq1_0:q6_k and of hub:bitnet-2b-4t. */
function shapeOf(model: string): string {
  return model.replace(/^hub:/, '').split(':')[0] ?? '';
}

/** That of the same setting. */
function prefillOf(settings: readonly StoredSetting[], { run, device, model }: Best['setting']): number | undefined {
  return settings.find((one) => one.device === device && one.model === model && one.metrics.decode_rate?.run === run)?.metrics.prefill_rate?.value;
}
