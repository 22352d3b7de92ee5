import { SCOPES } from '../src/core/scope.ts';
import { ascending, quantile } from '../src/core/stats.ts';
import type { RunDetail } from '../src/core/store.ts';
import { type Point, type Strip, type Timeline, timelineOf } from '../src/core/timeline.ts';
import { axis, canvas, draw, legend, palette, tableBelow } from './chart.ts';
import { type Child, fill, h } from './dom.ts';
import { amount, tick } from './numbers.ts';

/** Points of a line at most. */
const POINTS = 600;

/** How many base units one unit of an axis is, and what that is called. */
const AXES: Record<Strip['id'], { by: number; axis: string }> = {
  power: { by: 1, axis: 'W' },
  temperature: { by: 1, axis: '°C' },
  frequency: { by: 1e9, axis: 'GHz' },
  memory: { by: 1e9, axis: 'GB' },
  speed: { by: 1, axis: 'tokens/s' },
};

/** Power, heat, clock, memory and speed over one time line, the run's own: what happened together stands above each other. */
export function power(place: HTMLElement, run: RunDetail): boolean {
  const timeline = timelineOf(run);
  if (timeline === null) return false;
  const { from, to, strips } = timeline;
  const pictures = strips.map((strip) =>
    canvas(`${strip.title} over the seconds of the run: the table below holds the figures`, `strip-${strip.id}`),
  );
  const rows = strips.flatMap(({ title, unit, traces }) =>
    traces.map(({ name, points }) => {
      const sorted = ascending(points.flatMap(({ y }) => (Number.isNaN(y) ? [] : [y])));
      return [`${title}${name === '' ? '' : `, ${name}`}`, ...[0, 0.5, 1].map((p) => amount(quantile(sorted, p), unit))];
    }),
  );
  fill(
    place,
    h('div', { class: 'panel-head' }, h('h3', { id: 'power-title' }, 'The run over time')),
    h(
      'p',
      { class: 'note' },
      'Tokens, power, heat, clock and memory over the seconds of the run. Timed requests run while nothing is read; the traces are of idle stretches and sampled requests, memory is of one of its own.',
    ),
    scopes(timeline),
    strips.map((strip, i) => [
      h('p', { class: 'note' }, strip.title),
      (strip.traces.length > 1 || strip.traces[0]?.estimated) &&
        legend(
          strip.traces.map(({ name }) => name),
          strip.traces.map(({ name }) => name),
        ),
      h('div', { class: 'canvas', '--height': '150px' }, pictures[i] as HTMLElement),
    ]),
    tableBelow('The run over time', ['trace', 'lowest', 'median', 'highest'], rows),
  );
  const colours = palette();
  for (const [i, { id, traces, unit }] of strips.entries()) {
    const { by, axis: title } = AXES[id];
    draw<'line'>(pictures[i] as HTMLCanvasElement, colours, {
      type: 'line',
      data: {
        datasets: traces.map(({ name, estimated, points }, k) => ({
          label: name,
          data: thinned(points).map(({ x, y }) => ({ x, y: y / by })),
          borderColor: colours.series[k % colours.series.length] as string,
          borderWidth: 1.5,
          borderDash: estimated ? [5, 4] : [],
        })),
      },
      options: {
        parsing: false,
        elements: { point: { radius: 0, hitRadius: 8 } },
        interaction: { mode: 'nearest', intersect: false },
        scales: {
          x: {
            type: 'linear',
            min: from,
            max: to,
            ...axis(colours, i === strips.length - 1 ? 'seconds' : '', false),
            ticks: { color: colours.muted, callback: tick },
          },
          y: { ...axis(colours, title, true), afterFit: level, ticks: { color: colours.muted, callback: tick } },
        },
        plugins: {
          tooltip: {
            callbacks: {
              title: ([item]) => amount(item?.parsed.x, 's'),
              label: (item) => `${item.dataset.label} ${amount((item.parsed.y ?? 0) * by, unit)}`,
            },
          },
        },
      },
    });
  }
  return true;
}

/** Axes as wide as each other, or the seconds would not stand above each other. */
function level(scale: { width: number }): void {
  scale.width = 72;
}

/** What the sources cover. */
function scopes({ scopes: found }: Timeline): Child {
  return h(
    'ul',
    { class: 'note' },
    found.map(({ source, scope }) => h('li', {}, `${source}: ${scope}, ${SCOPES.find(({ name }) => name === scope)?.meaning ?? ''}`)),
  );
}

/** Medians of neighbours where there are more points than can be seen; breaks stay. */
function thinned(points: Point[]): Point[] {
  const every = Math.ceil(points.length / POINTS);
  if (every === 1) return points;
  const found: Point[] = [];
  let group: Point[] = [];
  const close = () => {
    if (group.length > 0) found.push({ x: (group[0] as { x: number }).x, y: quantile(ascending(group.map(({ y }) => y)), 0.5) });
    group = [];
  };
  for (const point of points) {
    if (!Number.isNaN(point.y)) group.push(point);
    if (Number.isNaN(point.y) || group.length === every) close();
    if (Number.isNaN(point.y)) found.push(point);
  }
  close();
  return found;
}
