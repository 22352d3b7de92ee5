import type { HistoryChange, HistorySeries } from '../src/core/history.ts';
import { type MetricName, metric } from '../src/core/metric.ts';
import { axis, canvas, draw, onCanvas, palette, tableBelow } from './chart.ts';
import { type Child, fill, h } from './dom.ts';
import { link } from './links.ts';
import { clock, dateAndTime, day, measured, percent, plural, tick } from './numbers.ts';
import { metricPick } from './pick.ts';
import { current, go } from './state.ts';

/** Series drawn at once, and points of one: more are drawn as every so many-th. */
const DRAWN = 6;
const POINTS = 1500;
const DAY = 86_400_000;

/** One metric over time: a panel a series, a new environment or build as a line, a change within one as a mark. */
export function drawTrends(place: HTMLElement, series: readonly HistorySeries[] | string, known: readonly MetricName[]): void {
  const { metric: name } = current();
  const found = typeof series === 'string' ? [] : [...series].sort((a, b) => pointsIn(b) - pointsIn(a));
  fill(
    place,
    h('h2', {}, 'Trends'),
    h(
      'p',
      { class: 'note' },
      'Valid runs under conditions that stay the same. A new environment (kernel, firmware, governor, libc) or a new build begins a new epoch, drawn as a line; a mark is where the figures changed within one and no recorded cause says why.',
    ),
    h(
      'div',
      { class: 'filters' },
      metricPick('metric', 'metric', name, known, (chosen) => go({ metric: chosen })),
    ),
    typeof series === 'string' && h('p', { class: 'message' }, series),
    typeof series !== 'string' && found.length === 0 && h('p', { class: 'empty' }, `No valid run has ${metric(name).title} with the filters above.`),
    found.slice(0, DRAWN).map((one, i) => panel(one, i)),
    found.length > DRAWN &&
      h('p', { class: 'note' }, `${found.length - DRAWN} more series: choose a device, model, suite or number of threads above.`),
  );
  found.slice(0, DRAWN).forEach((one, i) => {
    drawSeries(place.querySelector(`canvas[data-chart="trend-${i}"]`) as HTMLCanvasElement, one);
  });
}

function pointsIn({ epochs }: HistorySeries): number {
  return epochs.reduce((sum, { points }) => sum + points.length, 0);
}

function panel(series: HistorySeries, i: number): HTMLElement {
  const { device, model, suite, threads, build, epochs, metric: name, scope } = series;
  const title = [device, model, suite, build, plural(threads, 'thread'), scope].filter(Boolean).join(' · ');
  const label = `${metric(name).title} of ${title} over time: the table below holds the figures`;
  return h(
    'section',
    { class: 'panel trend', 'aria-label': title },
    h('h3', {}, title),
    h('p', { class: 'note' }, `${plural(pointsIn(series), 'run')} in ${plural(epochs.length, 'epoch')}.`),
    h('div', { class: 'canvas', '--height': '240px' }, canvas(label, `trend-${i}`)),
    tableBelow(
      label,
      ['epoch', 'runs', 'median', 'what changed', 'build', 'commit', 'changes within', 'newest run'],
      epochs.map((epoch) => [
        `${day(epoch.started)} – ${day(epoch.ended)}`,
        String(epoch.runs),
        measured(epoch.median, name),
        epoch.causes.map(causeText).join('; ') || '–',
        epoch.code?.slice(0, 12) ?? epoch.compiler ?? '–',
        epoch.commits.join(', ') || '–',
        epoch.changes.length === 0 ? '–' : epoch.changes.map((change, k) => [k > 0 && '; ', changeText(change, name)]),
        newest(epoch.points),
      ]),
    ),
  );
}

function newest(points: HistorySeries['epochs'][number]['points']): Child {
  const run = points.at(-1)?.run;
  return run === undefined ? '–' : link({ run }, 'run');
}

function changeText(change: HistoryChange, name: MetricName): Child {
  return [
    link({ run: change.run }, dateAndTime(change.started)),
    ` ${change.verdict} by ${percent(change.change)} (${measured(change.before, name)} to ${measured(change.after, name)}), ${change.status}`,
  ];
}

/** "kernel: 6.1.0 → 6.1.1"; long values such as hashes are cut. */
function causeText({ cause, from, to }: HistorySeries['epochs'][number]['causes'][number]): string {
  const cut = (text: string | null) => (text === null ? 'unknown' : text.length > 24 ? `${text.slice(0, 12)}…` : text);
  return `${cause}: ${cut(from)} → ${cut(to)}`;
}

function drawSeries(picture: HTMLCanvasElement, series: HistorySeries): void {
  const colours = palette();
  const { metric: name, epochs } = series;
  const every = Math.ceil(pointsIn(series) / POINTS);
  const all = epochs.flatMap((epoch, e) => epoch.points.filter((_, i) => i % every === 0).map((point) => ({ ...point, epoch: e })));
  const marks = epochs.flatMap(({ changes }) => changes);
  const [first, last] = [all[0]?.started ?? 0, all.at(-1)?.started ?? 1];
  const margin = Math.max(60_000, (last - first) * 0.03);
  draw<'scatter'>(picture, colours, {
    type: 'scatter',
    data: {
      datasets: [
        {
          label: 'changes',
          data: marks.map(({ started, after }) => ({ x: started, y: after })),
          pointStyle: 'triangle',
          pointRadius: 9,
          backgroundColor: colours.series[1] as string,
          order: 0,
        },
        {
          label: 'runs',
          data: all.map(({ started, value }) => ({ x: started, y: value })),
          backgroundColor: all.map(({ epoch }) => colours.series[epoch % 2 === 0 ? 0 : 2] as string),
          pointRadius: all.length > 300 ? 2 : 3.5,
          order: 2,
        },
        ...epochs.map(({ points, median }, e) => ({
          label: `median of epoch ${e + 1}`,
          data: [points[0], points.at(-1)].flatMap((point) => (point ? [{ x: point.started, y: median }] : [])),
          showLine: true,
          pointRadius: 0,
          pointHitRadius: 0,
          borderColor: colours.text,
          borderWidth: 1.5,
          order: 1,
        })),
      ],
    },
    options: {
      scales: {
        x: {
          type: 'linear',
          min: first - margin,
          max: last + margin,
          ...axis(colours, '', false),
          ticks: { color: colours.muted, maxTicksLimit: 8, callback: (value) => (last - first < 2 * DAY ? clock : day)(Number(value)) },
        },
        y: {
          ...axis(colours, metric(name).unit, true),
          grace: '10%',
          ticks: { color: colours.muted, callback: tick },
        },
      },
      onClick: (_event, found) => {
        const hit = found[0];
        const run = hit?.datasetIndex === 0 ? marks[hit.index]?.run : hit?.datasetIndex === 1 ? all[hit.index]?.run : undefined;
        if (run) go({ run });
      },
      plugins: {
        tooltip: {
          filter: (item) => item.datasetIndex < 2,
          callbacks: { title: ([item]) => (item ? dateAndTime(item.parsed.x ?? 0) : ''), label: (item) => onCanvas(measured(item.parsed.y, name)) },
        },
      },
    },
    plugins: [
      borders(
        epochs.map(({ started, commits }, e) => ({ time: started, commit: commits[0], first: e === 0 })),
        colours.muted,
      ),
    ],
  });
}

/** Lines where an epoch begins, each with the commit that it runs, where the one before is far enough. */
function borders(epochs: readonly { time: number; commit: string | undefined; first: boolean }[], colour: string) {
  return {
    id: 'borders',
    beforeDatasetsDraw({ ctx, chartArea, scales }: import('chart.js').Chart<'scatter'>) {
      if (!scales.x) return;
      ctx.save();
      ctx.strokeStyle = colour;
      ctx.setLineDash([4, 4]);
      ctx.fillStyle = colour;
      ctx.font = '11px ui-monospace, monospace';
      let free = 0;
      for (const { time, commit, first } of epochs) {
        const x = scales.x.getPixelForValue(time);
        if (!first) {
          ctx.beginPath();
          ctx.moveTo(x, chartArea.top);
          ctx.lineTo(x, chartArea.bottom);
          ctx.stroke();
        }
        const text = onCanvas(commit ?? '', 13);
        if (text === '' || x < free) continue;
        ctx.fillText(text, x + 4, chartArea.top + 10);
        free = x + 8 + ctx.measureText(text).width;
      }
      ctx.restore();
    },
  };
}
