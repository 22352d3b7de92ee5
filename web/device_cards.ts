import type { ShownDevice } from '../src/core/shown_device.ts';
import type { RunProgress } from '../src/core/store.ts';
import { flagChip, statusChip } from './chips.ts';
import { type Child, fill, h } from './dom.ts';
import { bestByDevice, type Setting, settingsOf, type Workload } from './groups.ts';
import { follow } from './links.ts';
import { ago, figure, measured, plural } from './numbers.ts';
import { go } from './state.ts';

/** The fleet at a glance: every device with what it does now, its best decode rate on one workload, what a token costs, when it was seen and its flags. */
export function deviceCards(
  place: HTMLElement,
  workload: Workload | undefined,
  others: readonly Workload[],
  devices: readonly ShownDevice[],
  running: ReadonlyMap<string, RunProgress>,
): void {
  const valid = workload?.settings.filter((setting) => setting.valid) ?? [];
  const best = new Map(bestByDevice(settingsOf(valid, 'decode_rate'), 'decode_rate').map((setting) => [setting.device, setting]));
  const joules = new Map(bestByDevice(settingsOf(valid, 'energy_per_token'), 'energy_per_token').map((setting) => [setting.device, setting]));
  const top = Math.max(...[...best.values()].map(({ value }) => value));
  const known = new Map(devices.map((device) => [device.id, device]));
  const ids = [...best.keys(), ...devices.map(({ id }) => id).filter((id) => !best.has(id))];
  fill(
    place,
    h('h2', {}, workload ? `Devices, ${workload.model}` : 'Devices'),
    workload
      ? h(
          'p',
          { class: 'note' },
          `Best setting of each device in the ${workload.suite} suite: median tokens a second, with lowest and highest; least energy a token of any setting, with what it covers.`,
        )
      : h('p', { class: 'empty' }, 'No valid run yet. `fleet bench --device local` makes the first one.'),
    h(
      'ol',
      { class: 'cards' },
      ids.map((id) => card(id, known.get(id), best.get(id), joules.get(id), top, running.get(id))),
    ),
    others.length > 0 &&
      h(
        'p',
        { class: 'note' },
        'Also measured: ',
        others
          .slice(0, 12)
          .map(({ model, suite, runs }, i) => [
            i > 0 && ', ',
            h('button', { class: 'link', type: 'button', onclick: () => go({ model, suite }) }, model),
            ` in ${suite} (${plural(runs, 'run')})`,
          ]),
        others.length > 12 && `, and ${others.length - 12} more`,
      ),
  );
}

function card(
  id: string,
  device: ShownDevice | undefined,
  best: Setting | undefined,
  energy: Setting | undefined,
  top: number,
  running: RunProgress | undefined,
): HTMLElement {
  const { title, facts, newest, lastRun, probed } = device ?? { title: null, facts: null, newest: null, lastRun: null, probed: null };
  const seen = Math.max(lastRun ?? 0, probed ?? 0);
  const run = running?.id ?? best?.run ?? newest?.id;
  return h(
    'li',
    { class: `card${best ? '' : ' none'}`, 'data-device': id, '--share': best ? best.value / top : 0 },
    h('span', { class: 'card-name' }, id),
    h('span', { class: 'card-title' }, title ?? facts?.board ?? facts?.cpu ?? ''),
    h(
      'span',
      { class: 'card-value' },
      best ? [figure(best.value), h('span', { class: 'unit' }, ' tokens/s')] : h('span', { class: 'unit' }, 'no valid run'),
    ),
    h('span', { class: 'card-bar', 'aria-hidden': 'true' }),
    best && h('span', { class: 'card-more' }, `${best.toolchain} · ${plural(best.threads, 'thread')} · ${figure(best.low)} – ${figure(best.high)}`),
    energy && h('span', { class: 'card-more' }, `${measured(energy.value, 'energy_per_token')} a token, ${energy.scope ?? ''}`),
    h('span', { class: 'card-status' }, status(newest, running)),
    h('span', { class: 'card-more' }, seen > 0 ? `last seen ${ago(seen)}` : 'never seen'),
    run !== undefined &&
      h(
        'a',
        { class: 'cover', href: `?run=${encodeURIComponent(run)}`, onclick: follow({ run }) },
        `Open the ${running ? 'running' : 'newest'} run of ${id}`,
      ),
  );
}

/** What the device does now, else how its last run ended. */
function status(newest: ShownDevice['newest'], running: RunProgress | undefined): Child {
  if (running) return [statusChip(running.status), running.phase?.phase ?? ''];
  return newest && [statusChip(newest.status), newest.flags.map(flagChip)];
}
