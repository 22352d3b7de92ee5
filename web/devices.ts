import type { ShownDevice } from '../src/core/shown_device.ts';
import { flagChip, statusChip } from './chips.ts';
import { type Child, fill, h } from './dom.ts';
import { link } from './links.ts';
import { ago, amount, dateAndTime, plural } from './numbers.ts';
import { toPage } from './state.ts';

/** Every device: what is declared, what it answered when it was probed, and how often it was measured. */
export function drawDevices(place: HTMLElement, devices: readonly ShownDevice[]): void {
  fill(
    place,
    h('h2', {}, 'Devices'),
    devices.length === 0
      ? h('p', { class: 'empty' }, 'No device yet. `fleet probe user@host` asks one what it is; a file in devices/ keeps it.')
      : h('div', { class: 'conditions' }, devices.map(panel)),
  );
}

function panel(device: ShownDevice): HTMLElement {
  const { id, title, facts, epoch, probed, runs, lastRun, newest, declared, profile, connector, tags, cooling, power_meter, emulated, bandwidth } =
    device;
  const rows: [string, Child][] = [
    ['declared', declared ? [connector, profile && `profile ${profile}`].filter(Boolean).join(', ') : 'no: only its runs are known'],
    ['tags', tags.join(', ')],
    ['cooling', cooling],
    ['power meter', power_meter],
    ['emulated', emulated ? 'yes: its timings mean nothing' : ''],
    ['board', facts?.board],
    ['processor', facts?.cpu],
    ['cores', facts && String(facts.cores.length)],
    ['memory', facts && amount(facts.memory, 'B')],
    ['bandwidth', bandwidth === null ? '' : `${amount(bandwidth, 'B/s')} expected`],
    ['system', facts && [facts.distribution, `${facts.os} ${facts.kernel}`, facts.machine].filter(Boolean).join(', ')],
    ['libc', facts?.libc],
    ['governor', facts?.governor],
    ['features', facts?.features.join(' ')],
    ['sensors', facts?.sensors.join(' ')],
    ['compilers', facts?.compilers.join(' ')],
    ['epoch', epoch],
    ['probed', probed === null ? '' : dateAndTime(probed)],
    [
      'runs',
      runs === 0 ? 'none' : [link({ ...toPage('overview'), device: id }, plural(runs, 'run')), lastRun !== null && `, the last ${ago(lastRun)}`],
    ],
    ['last run', newest && [link({ run: newest.id }, newest.id), ' ', statusChip(newest.status), newest.flags.map(flagChip)]],
  ];
  return h(
    'section',
    { class: 'panel', 'aria-label': id, 'data-device': id },
    h('h3', {}, id),
    title !== null && h('p', { class: 'note' }, title),
    h(
      'dl',
      {},
      rows
        .filter(([, value]) => value !== null && value !== undefined && value !== '')
        .map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
    ),
  );
}
