import type { RunDetail } from '../src/core/store.ts';
import { axis, canvas, draw, legend, palette, tableBelow } from './chart.ts';
import { fill, h } from './dom.ts';
import { amount, tick } from './numbers.ts';

const TRACES = ['rss', 'pss'];
const TITLES = TRACES.map((name) => name.toUpperCase());

/** Memory of the engine over one request that was watched and not timed. */
export function memory(place: HTMLElement, run: RunDetail): void {
  const traces = TRACES.flatMap((name, i) => {
    const found = run.series.findLast(({ series, values }) => series === name && values.length > 0);
    return found ? [{ title: TITLES[i] as string, ...found }] : [];
  });
  const head = h('div', { class: 'panel-head' }, h('h3', { id: 'memory-title' }, 'Memory'));
  if (traces.length === 0) {
    fill(place, head, h('p', { class: 'empty' }, 'No memory trace was recorded.'));
    return;
  }
  const label = 'Memory of the engine over time: the table below holds the figures';
  const picture = canvas(label, 'memory');
  fill(
    place,
    head,
    h('p', { class: 'note' }, 'Resident (RSS) and proportional (PSS) memory of the engine during one request of its own, which is not timed.'),
    legend(
      traces.map(({ title }) => title),
      TITLES,
    ),
    h('div', { class: 'canvas', '--height': '252px' }, picture),
    tableBelow(
      label,
      ['trace', 'begin', 'highest', 'end'],
      traces.map(({ title, values }) => [title, amount(values[0], 'B'), amount(highest(values), 'B'), amount(values.at(-1), 'B')]),
    ),
  );
  const colours = palette();
  const top = Math.max(...traces.map(({ values }) => highest(values)));
  const unit = top >= 1e9 ? { by: 1e9, name: 'GB' } : { by: 1e6, name: 'MB' };
  draw<'line'>(picture, colours, {
    type: 'line',
    data: {
      datasets: traces.map(({ title, times, values }) => ({
        label: title,
        data: values.map((value, i) => ({ x: times[i] ?? 0, y: value / unit.by })),
        borderColor: colours.series[TITLES.indexOf(title)] as string,
        borderWidth: 2,
        borderDash: title === 'PSS' ? [5, 3] : [],
      })),
    },
    options: {
      parsing: false,
      elements: { point: { radius: 0, hitRadius: 8 } },
      interaction: { mode: 'index', intersect: false },
      scales: {
        x: { type: 'linear', ...axis(colours, 'seconds', false), ticks: { color: colours.muted, callback: tick } },
        y: { ...axis(colours, unit.name, true), beginAtZero: true, ticks: { color: colours.muted, callback: tick } },
      },
      plugins: {
        tooltip: {
          callbacks: {
            title: ([item]) => amount(item?.parsed.x, 's'),
            label: (item) => `${item.dataset.label} ${amount((item.parsed.y ?? 0) * unit.by, 'B')}`,
          },
        },
      },
    },
  });
}

function highest(values: readonly number[]): number {
  return values.reduce((top, value) => Math.max(top, value), Number.NEGATIVE_INFINITY);
}
