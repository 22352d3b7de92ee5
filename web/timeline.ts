import { ascending, gaps, quantile } from '../src/core/stats.ts';
import type { RunDetail } from '../src/core/store.ts';
import { axis, canvas, draw, palette, tableBelow } from './chart.ts';
import { fill, h } from './dom.ts';
import { amount, plural, tick } from './numbers.ts';
import { go } from './state.ts';

/** Points of a line at most: more tokens than this are drawn as medians of neighbours. */
const POINTS = 800;
/** Rows of the table. */
const ROWS = 16;

/** Gap before each token, over the place of the token: every measured request faint, their median bold. */
export function timeline(place: HTMLElement, run: RunDetail, wanted: string, redraw: () => void): void {
  const traces = run.series.filter(({ series, warmup, times }) => series === 'token_times' && !warmup && times.length > 1);
  const prompts = [...new Set(traces.map(({ prompt }) => prompt ?? ''))];
  const prompt = prompts.includes(wanted) ? wanted : (prompts[0] ?? '');
  const requests = traces.filter((trace) => (trace.prompt ?? '') === prompt).map(({ times }) => gaps(times));
  const head = (more?: HTMLElement) => h('div', { class: 'panel-head' }, h('h3', { id: 'timeline-title' }, 'Token by token'), more);
  if (requests.length === 0) {
    fill(place, head(), h('p', { class: 'empty' }, 'No token times were recorded.'));
    return;
  }
  const longest = Math.max(...requests.map(({ length }) => length));
  const middle = Array.from({ length: longest }, (_, i) => quantile(column(requests, i), 0.5));
  const label = `Time before each token of ${prompt}: the table below holds the figures`;
  const picture = canvas(label, 'timeline');
  const select = h(
    'select',
    {
      id: 'prompt',
      onchange: () => {
        go({ prompt: prompts[select.selectedIndex] ?? '' });
        redraw();
        document.getElementById('prompt')?.focus();
      },
    },
    prompts.map((name) => h('option', { selected: name === prompt }, name)),
  );
  const every = Math.ceil(longest / POINTS);
  fill(
    place,
    head(h('label', { class: 'pick' }, h('span', { class: 'unseen' }, 'Prompt'), select)),
    h(
      'p',
      { class: 'note' },
      `Time before each token, ${plural(requests.length, 'measured request')}: thin lines; their median: bold.${every > 1 ? ` Each point is the median of ${every} neighbouring tokens.` : ''}`,
    ),
    h('div', { class: 'canvas', '--height': '280px' }, picture),
    tableBelow(label, ['tokens', 'median', 'lowest', 'highest'], bins(requests, longest)),
  );
  const colours = palette();
  const points = (values: readonly number[]) => thinned(values, every).map((value, i) => ({ x: i * every + 2, y: value * 1000 }));
  draw<'line'>(picture, colours, {
    type: 'line',
    data: {
      datasets: [
        { label: 'median', data: points(middle), borderColor: colours.series[0] as string, borderWidth: 2.5, order: 0 },
        ...requests.map((values, i) => ({
          label: `request ${i + 1}`,
          data: points(values),
          borderColor: `${colours.series[0]}70`,
          borderWidth: 1,
          order: 1,
        })),
      ],
    },
    options: {
      parsing: false,
      elements: { point: { radius: 0, hitRadius: 8 } },
      interaction: { mode: 'index', intersect: false },
      scales: {
        x: {
          type: 'linear',
          ...axis(colours, 'token', false),
          min: 1,
          max: longest + 1,
          ticks: { color: colours.muted, callback: tick, precision: 0 },
        },
        y: { ...axis(colours, 'ms', true), beginAtZero: true, ticks: { color: colours.muted, callback: tick } },
      },
      plugins: {
        tooltip: {
          filter: (item) => item.datasetIndex === 0,
          callbacks: { title: ([item]) => `token ${item?.parsed.x}`, label: (item) => `median ${amount((item.parsed.y ?? 0) / 1000, 's')}` },
        },
      },
    },
  });
}

/** The values of all requests at one place, ascending; a shorter request has none there. */
function column(requests: readonly (readonly number[])[], i: number): Float64Array {
  return ascending(requests.flatMap((values) => values[i] ?? []));
}

function thinned(values: readonly number[], every: number): number[] {
  if (every === 1) return [...values];
  return Array.from({ length: Math.ceil(values.length / every) }, (_, i) => quantile(ascending(values.slice(i * every, (i + 1) * every)), 0.5));
}

function bins(requests: readonly (readonly number[])[], longest: number): string[][] {
  const size = Math.ceil(longest / ROWS);
  return Array.from({ length: Math.ceil(longest / size) }, (_, i) => {
    const [from, to] = [i * size, Math.min(longest, (i + 1) * size)];
    const sorted = ascending(requests.flatMap((values) => values.slice(from, to)));
    return [`${from + 2}–${to + 1}`, ...[0.5, 0, 1].map((p) => amount(quantile(sorted, p), 's'))];
  });
}
