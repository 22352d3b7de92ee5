import type { JudgedRow } from '../src/core/judged.ts';
import { type MetricName, metric } from '../src/core/metric.ts';
import type { StoredSetting } from '../src/core/setting.ts';
import { axis, canvas, draw, onCanvas, palette, tableBelow } from './chart.ts';
import { type Child, fill, h } from './dom.ts';
import { dots } from './dots.ts';
import { type Effect, effects, likelySides, sideLabel, valuesOf } from './effects.ts';
import { link } from './links.ts';
import { measured, percent, plural, tick } from './numbers.ts';
import { metricPick, pick } from './pick.ts';
import { SIDES_BY, type SidesBy } from './sides.ts';
import { current, go } from './state.ts';

/** Rows of the chart; the table has all of them. */
const DRAWN = 24;
const ROW = 30;

const LOOKS: Record<Effect['verdict'], { sign: string; colour: number | null }> = {
  faster: { sign: '▲', colour: 0 },
  slower: { sign: '▼', colour: 1 },
  same: { sign: '=', colour: 2 },
  'same code': { sign: '=', colour: 2 },
  unknown: { sign: '?', colour: null },
};

/** Axes whose name alone does not say enough. */
const TITLES: Partial<Record<SidesBy, string>> = { format: 'format (quantisation)', head: 'head (its quantisation)' };

/** Any axis against any: two values of one axis, everything else alike; effect with interval, verdict and the noise of the device. */
export function drawCompare(place: HTMLElement, settings: readonly StoredSetting[], all: readonly JudgedRow[], known: readonly MetricName[]): void {
  const state = current();
  const { by, metric: name } = state;
  const usable = settings.filter(({ valid }) => valid);
  const judged = all.filter(fits);
  const [base, candidate] = sidesOf(usable, judged, by, name);
  const found = effects(usable, judged, { by, base, candidate, metric: name }).sort((a, b) => Number(b.pairs !== null) - Number(a.pairs !== null));
  const values = [...new Set([...valuesOf(usable, by), ...judgedValues(judged, by), base, candidate])];
  const options = values.map((value) => [value, sideLabel(by, value)] as const);
  const row = metric(name);
  fill(
    place,
    h('h2', {}, 'Compare'),
    h(
      'p',
      { class: 'note' },
      'Two values of one axis, all else alike. A verdict needs pairs of launches in turns: `fleet compare` makes them. Where the sides were only measured at different times there is their ratio, in grey, and no verdict.',
    ),
    h(
      'div',
      { class: 'filters' },
      pick(
        'by',
        'what differs',
        SIDES_BY.map((one) => [one, TITLES[one] ?? one] as const),
        by,
        (value) => go({ by: value as SidesBy, base: '', candidate: '' }),
      ),
      pick('base', 'baseline', options, base, (value) => go({ base: value || NONE, candidate: candidate || NONE })),
      pick('candidate', 'candidate', options, candidate, (value) => go({ candidate: value || NONE, base: base || NONE })),
      metricPick('metric', 'metric', name, known, (metric) => go({ metric })),
      h('button', { type: 'button', class: 'link', onclick: () => go({ base: candidate || NONE, candidate: base || NONE }) }, 'Swap sides'),
    ),
    found.length === 0
      ? h('p', { class: 'empty' }, `Nothing was measured alike for ${sideLabel(by, base)} and ${sideLabel(by, candidate)} with the filters above.`)
      : panel(found, by, base, candidate, name),
    floors(judged, name),
  );
  if (found.length > 0) drawForest(place.querySelector('canvas') as HTMLCanvasElement, found.slice(0, DRAWN), row.better === 'lower');
}

/** The filters of the page, for a comparison. */
function fits(row: JudgedRow): boolean {
  const { device, model, suite, threads } = current();
  const given = { device, model, suite };
  return (
    (['device', 'model', 'suite'] as const).every((name) => given[name] === '' || given[name] === row[name]) &&
    (threads === '' || Number(threads) === row.threads)
  );
}

/** In the address: the empty value, chosen on purpose. */
const NONE = '-';

function sidesOf(settings: readonly StoredSetting[], judged: readonly JudgedRow[], by: SidesBy, name: MetricName): [string, string] {
  const { base, candidate } = current();
  const chosen = (value: string) => (value === NONE ? '' : value);
  if (base !== '' && candidate !== '') return [chosen(base), chosen(candidate)];
  return likelySides(settings, judged, by, name);
}

function judgedValues(judged: readonly JudgedRow[], by: SidesBy): string[] {
  return by === 'toolchain' || by === 'flags' ? judged.flatMap(({ sides }) => [sides.baseline[by], sides.candidate[by]]) : [];
}

function panel(found: readonly Effect[], by: SidesBy, base: string, candidate: string, name: MetricName): Child {
  const counts = new Map<string, number>();
  for (const { verdict } of found) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const label = `Change of ${metric(name).title} from ${sideLabel(by, base)} to ${sideLabel(by, candidate)}: the table below holds the figures`;
  return h(
    'section',
    { class: 'panel', 'aria-label': 'Effects' },
    h('div', { class: 'panel-head' }, h('h3', {}, `${sideLabel(by, candidate)} against ${sideLabel(by, base)}: ${metric(name).title}`)),
    h(
      'p',
      { class: 'verdicts' },
      [...counts].map(([verdict, n]) =>
        h('span', { class: `chip verdict-${verdict.replace(' ', '-')}` }, `${LOOKS[verdict as Effect['verdict']].sign} ${verdict}: ${n}`),
      ),
    ),
    h(
      'p',
      { class: 'note' },
      `${metric(name).definition} Point: change; line: 98.3 % interval over pairs; pale band: how far this device varies against itself (A/A).${found.length > DRAWN ? ` The first ${DRAWN} of ${found.length} are drawn.` : ''}`,
    ),
    h('div', { class: 'canvas', '--height': `${Math.min(found.length, DRAWN) * ROW + 60}px` }, canvas(label, 'effects')),
    tableBelow(
      label,
      ['conditions', sideLabel(by, base), sideLabel(by, candidate), 'change', 'interval', 'verdict', 'A/A', 'pairs', 'newest run'],
      found.map((effect) => cells(effect, name)),
    ),
  );
}

function cells({ held, baseline, candidate, change, interval, verdict, noise, pairs, note, run }: Effect, name: MetricName): Child[] {
  return [
    Object.values(held).filter(Boolean).join(' · '),
    measured(baseline, name),
    measured(candidate, name),
    percent(change),
    interval ? `${percent(interval[0])} to ${percent(interval[1])}` : '–',
    h('span', { class: `chip verdict-${verdict.replace(' ', '-')}`, title: note }, `${LOOKS[verdict].sign} ${verdict}`),
    noise === null ? '–' : `±${percent(noise).replace('+', '')}`,
    pairs === null ? 'no pairs' : plural(pairs, 'pair'),
    run === null ? '' : link({ run }, 'run'),
  ];
}

function drawForest(picture: HTMLCanvasElement, found: readonly Effect[], lowerIsBetter: boolean): void {
  const colours = palette();
  const narrow = innerWidth < 700;
  const colour = ({ verdict }: Effect) =>
    LOOKS[verdict].colour === null ? colours.muted : (colours.series[LOOKS[verdict].colour as number] as string);
  const ends = found.flatMap(({ change, interval, noise }) => [change ?? 0, interval?.[0] ?? 0, interval?.[1] ?? 0, noise ?? 0, -(noise ?? 0)]);
  const far = Math.max(0.02, ...ends.map(Math.abs)) * 1.15;
  draw<'bar'>(picture, colours, {
    type: 'bar',
    data: {
      labels: found.map(({ held }) =>
        onCanvas([held.device, held.toolchain, held.model, held.threads && `${held.threads} thr.`].filter(Boolean).join(' '), narrow ? 18 : 48),
      ),
      datasets: [
        {
          label: 'A/A',
          data: found.map(({ noise }) => (noise === null ? null : [-noise, noise])),
          backgroundColor: `${colours.muted}30`,
          barThickness: ROW - 10,
          grouped: false,
          order: 2,
        },
        {
          label: 'interval',
          data: found.map(({ interval, change }) => [interval?.[0] ?? change ?? 0, interval?.[1] ?? change ?? 0]),
          backgroundColor: found.map(colour),
          barThickness: 3,
          grouped: false,
          order: 1,
        },
      ],
    },
    options: {
      indexAxis: 'y',
      scales: {
        x: {
          ...axis(colours, lowerIsBetter ? 'change (left is better)' : 'change (right is better)', true),
          ...{ min: Math.max(-1, -far), max: far },
          ticks: { color: colours.muted, callback: (value) => `${tick(Number(value) * 100)} %` },
        },
        y: { ...axis(colours, '', false), ticks: { color: colours.text, autoSkip: false, padding: 6 } },
      },
      plugins: {
        tooltip: {
          callbacks: {
            label: (item) => {
              const effect = found[item.dataIndex];
              return effect
                ? [`${effect.verdict}: ${percent(effect.change)}`, effect.pairs === null ? 'not measured in pairs' : plural(effect.pairs, 'pair')]
                : '';
            },
          },
        },
      },
    },
    plugins: [
      dots(found.map((effect) => (effect.change === null ? null : { at: effect.change, colour: colour(effect), hollow: effect.pairs === null }))),
      zeroLine(colours.text),
    ],
  });
}

/** A line where nothing changes. */
function zeroLine(colour: string) {
  return {
    id: 'zero',
    beforeDatasetsDraw({ ctx, chartArea, scales }: import('chart.js').Chart<'bar'>) {
      const x = scales.x?.getPixelForValue(0);
      if (x === undefined) return;
      ctx.save();
      ctx.strokeStyle = colour;
      ctx.setLineDash([3, 3]);
      ctx.beginPath();
      ctx.moveTo(x, chartArea.top);
      ctx.lineTo(x, chartArea.bottom);
      ctx.stroke();
      ctx.restore();
    },
  };
}

/** How far each device varies by itself. */
function floors(judged: readonly JudgedRow[], name: MetricName): Child {
  const rows = judged.filter((row) => row.isNoise && row.metric === name && row.interval);
  if (rows.length === 0)
    return h(
      'p',
      { class: 'note' },
      'No device was compared with itself yet: `fleet compare TOOLCHAIN --noise -d DEVICE` measures how far it varies by chance.',
    );
  return h(
    'section',
    { class: 'panel', 'aria-label': 'A/A floors' },
    h('h3', {}, 'A build against itself'),
    h('p', { class: 'note' }, 'What a device shows where nothing differs: a smaller change than this means nothing there.'),
    h(
      'ul',
      { class: 'floors' },
      rows.map(({ device, threads, interval, pairs }) =>
        h(
          'li',
          {},
          h('strong', {}, device),
          ` ${plural(threads, 'thread')}: ${percent(interval?.[0] ?? null)} to ${percent(interval?.[1] ?? null)}, ${plural(pairs, 'pair')}`,
        ),
      ),
    ),
  );
}
