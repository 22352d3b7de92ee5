import { SCOPES } from '../src/core/scope.ts';
import { ascending, quantile } from '../src/core/stats.ts';
import type { RunDetail, StoredSeries } from '../src/core/store.ts';
import { axis, canvas, draw, legend, palette, tableBelow } from './chart.ts';
import { type Child, fill, h } from './dom.ts';
import { amount, tick } from './numbers.ts';

/** Points of a line at most. */
const POINTS = 600;

interface Line {
  name: string;
  points: { x: number; y: number }[];
}

interface Strip {
  id: string;
  title: string;
  unit: string;
  /** How many base units one unit of the axis is. */
  by: number;
  axis: string;
  lines: Line[];
}

/** Power, heat, clock, memory and speed over one time line, the run's own: what happened together stands above each other. */
export function power(place: HTMLElement, run: RunDetail): boolean {
  const strips = stripsOf(run).filter(({ lines }) => lines.length > 0);
  if (strips.length === 0) return false;
  const ends = strips.flatMap(({ lines }) => lines.flatMap(({ points }) => [points[0]?.x ?? 0, points.at(-1)?.x ?? 0]));
  const [from, to] = [Math.min(...ends), Math.max(...ends)];
  const pictures = strips.map((strip) =>
    canvas(`${strip.title} over the seconds of the run: the table below holds the figures`, `strip-${strip.id}`),
  );
  const rows = strips.flatMap(({ title, unit, lines }) =>
    lines.map(({ name, points }) => {
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
    scopes(run),
    strips.map((strip, i) => [
      h('p', { class: 'note' }, strip.title),
      strip.lines.length > 1 &&
        legend(
          strip.lines.map(({ name }) => name),
          strip.lines.map(({ name }) => name),
        ),
      h('div', { class: 'canvas', '--height': '150px' }, pictures[i] as HTMLElement),
    ]),
    tableBelow('The run over time', ['trace', 'lowest', 'median', 'highest'], rows),
  );
  const colours = palette();
  for (const [i, { lines, axis: title, by, unit }] of strips.entries()) {
    draw<'line'>(pictures[i] as HTMLCanvasElement, colours, {
      type: 'line',
      data: {
        datasets: lines.map(({ name, points }, k) => ({
          label: name,
          data: points.map(({ x, y }) => ({ x, y: y / by })),
          borderColor: colours.series[k % colours.series.length] as string,
          borderWidth: 1.5,
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
function scopes(run: RunDetail): Child {
  const found = new Map(run.series.flatMap(({ source, scope }) => (source !== null && scope !== null ? [[source, scope] as const] : [])));
  return h(
    'ul',
    { class: 'note' },
    [...found].map(([source, scope]) => h('li', {}, `${source}: ${scope}, ${SCOPES.find(({ name }) => name === scope)?.meaning ?? ''}`)),
  );
}

function stripsOf(run: RunDetail): Strip[] {
  const of = (name: string) => run.series.filter(({ series, values }) => series === name && values.length > 1);
  const sources = [...new Set([...of('power'), ...of('energy')].flatMap(({ source }) => source ?? []))];
  const line = (name: string, pieces: readonly StoredSeries[], points: (piece: StoredSeries) => Line['points']): Line => ({
    name,
    points: thinned(pieces.flatMap(points).sort((a, b) => a.x - b.x)),
  });
  return [
    {
      ...{ id: 'power', title: 'Power', unit: 'W', by: 1, axis: 'W' },
      lines: sources.map((source) => {
        const power = of('power').filter((one) => one.source === source);
        return power.length > 0
          ? line(source, power, plainPoints)
          : line(
              source,
              of('energy').filter((one) => one.source === source),
              slopes,
            );
      }),
    },
    {
      ...{ id: 'temperature', title: 'Temperature', unit: 'degC', by: 1, axis: '°C' },
      lines: of('temperature').map((one) => line('', [one], plainPoints)),
    },
    { ...{ id: 'frequency', title: 'Clock', unit: 'Hz', by: 1e9, axis: 'GHz' }, lines: of('frequency').map((one) => line('', [one], plainPoints)) },
    { ...{ id: 'memory', title: 'Memory', unit: 'B', by: 1e9, axis: 'GB' }, lines: memories(run) },
    { ...{ id: 'speed', title: 'Tokens', unit: 'tokens/s', by: 1, axis: 'tokens/s' }, lines: speeds(run) },
  ];
}

function plainPoints({ times, values }: StoredSeries): Line['points'] {
  return broken(times.map((x, i) => ({ x, y: values[i] as number })));
}

/** Mean power between two readings of a counter; a fall is the loss of it. */
function slopes({ times, values }: StoredSeries): Line['points'] {
  return broken(
    times.slice(1).flatMap((x, i) => {
      const [joules, seconds] = [(values[i + 1] as number) - (values[i] as number), x - (times[i] as number)];
      return joules >= 0 && seconds > 0 ? [{ x, y: joules / seconds }] : [];
    }),
  );
}

/** Tokens a second at each token, at its place in the run. */
function speeds({ series, windows }: RunDetail): Line[] {
  const points = windows.flatMap(({ what, prompt, launch, repetition, begin }) => {
    const own = series.find(
      (one) =>
        one.series === 'token_times' &&
        one.warmup === (what === 'sampled') &&
        one.prompt === prompt &&
        one.launch === launch &&
        one.repetition === repetition,
    );
    const times = own?.times ?? [];
    return times.length < 2
      ? []
      : [
          ...times.slice(1).map((time, i) => ({ x: begin + time, y: 1 / (time - (times[i] as number)) })),
          { x: begin + (times.at(-1) as number), y: Number.NaN },
        ];
  });
  return points.length === 0 ? [] : [{ name: '', points: thinned(points.sort((a, b) => a.x - b.x)) }];
}

/** The memory traces begin with their own request: the journal says when that was. */
function memories({ series, events, begun }: RunDetail): Line[] {
  const phase = events.findLast(({ kind, data }) => kind === 'phase' && data.phase === 'memory');
  if (!phase || begun === null) return [];
  const offset = phase.mono - begun;
  return ['rss', 'pss'].flatMap((name) => {
    const found = series.findLast((one) => one.series === name && one.values.length > 1);
    return found ? [{ name: name.toUpperCase(), points: thinned(found.times.map((x, i) => ({ x: x + offset, y: found.values[i] as number }))) }] : [];
  });
}

/** Where nothing was read for long, the line is broken. */
function broken(points: Line['points']): Line['points'] {
  const gaps = ascending(points.slice(1).map(({ x }, i) => x - (points[i] as { x: number }).x));
  const long = 8 * quantile(gaps, 0.5);
  return points.flatMap((point, i) => {
    const before = points[i - 1];
    return before && point.x - before.x > long ? [{ x: before.x, y: Number.NaN }, point] : [point];
  });
}

/** Medians of neighbours where there are more points than can be seen; breaks stay. */
function thinned(points: Line['points']): Line['points'] {
  const every = Math.ceil(points.length / POINTS);
  if (every === 1) return points;
  const found: Line['points'] = [];
  let group: Line['points'] = [];
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
