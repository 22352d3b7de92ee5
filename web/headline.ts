import type { StoredDevice } from '../src/core/store.ts';
import { isValid } from '../src/core/validity.ts';
import { fill, h } from './dom.ts';
import { bestByDevice, settingsOf, type Workload } from './groups.ts';
import { figure, plural } from './numbers.ts';
import { go } from './state.ts';

/** The fastest decode of each device, best first, on one workload. */
export function headline(place: HTMLElement, workload: Workload | undefined, others: readonly Workload[], devices: readonly StoredDevice[]): void {
  const settings = bestByDevice(settingsOf(workload?.runs.filter(isValid) ?? [], 'decode_rate'), 'decode_rate');
  const top = settings[0]?.value ?? 1;
  const titles = new Map(devices.map(({ id, title, facts }) => [id, title ?? facts?.board ?? facts?.cpu ?? null]));
  fill(
    place,
    h('h2', {}, workload ? `Fastest decode, ${workload.model}` : 'Fastest decode'),
    workload
      ? h('p', { class: 'note' }, `Best setting of each device in the ${workload.suite} suite: median tokens a second, with lowest and highest.`)
      : h('p', { class: 'empty' }, 'No valid run yet. `fleet bench --device local` makes the first one.'),
    h(
      'ol',
      { class: 'cards' },
      settings.map((best) =>
        h(
          'li',
          { class: 'card', '--share': best.value / top },
          h('span', { class: 'card-name' }, best.device),
          h('span', { class: 'card-title' }, titles.get(best.device) ?? ''),
          h('span', { class: 'card-value' }, figure(best.value), h('span', { class: 'unit' }, ' tokens/s')),
          h('span', { class: 'card-bar', 'aria-hidden': 'true' }),
          h('span', { class: 'card-more' }, `${best.toolchain} · ${plural(best.threads, 'thread')}`),
          h('span', { class: 'card-more' }, `${figure(best.low)} – ${figure(best.high)}`),
          h(
            'a',
            { class: 'cover', href: `?run=${encodeURIComponent(best.runs[0]?.id ?? '')}`, onclick: follow(best.runs[0]?.id ?? '') },
            `Open the newest run of ${best.device}`,
          ),
        ),
      ),
    ),
    others.length > 0 &&
      h(
        'p',
        { class: 'note' },
        'Also measured: ',
        others.map(({ model, suite, runs }, i) => [
          i > 0 && ', ',
          h('button', { class: 'link', type: 'button', onclick: () => go({ model, suite }) }, model),
          ` in ${suite} (${plural(runs.length, 'run')})`,
        ]),
      ),
  );
}

/** Opens a run without loading the page anew; a click with a modifier still opens another tab. */
export function follow(run: string): EventListener {
  return (event) => {
    const click = event as MouseEvent;
    if (click.metaKey || click.ctrlKey || click.shiftKey || click.button !== 0) return;
    event.preventDefault();
    go({ run });
  };
}
