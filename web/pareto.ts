import { METRICS, type MetricName, metric, QUALITY } from '../src/core/metric.ts';
import type { StoredQuality, StoredSetting } from '../src/core/setting.ts';
import { axis, canvas, colourOf, draw, legend, onCanvas, palette, tableBelow } from './chart.ts';
import { type Child, fill, h } from './dom.ts';
import { type Point, pointsOf, withQuality } from './front.ts';
import { link } from './links.ts';
import { measured, plural } from './numbers.ts';
import { metricPick, pick } from './pick.ts';
import { current, go } from './state.ts';

/** Trade-offs worth looking at, offered where both have figures. */
const PAIRS: readonly (readonly [x: MetricName, y: MetricName, title: string])[] = [
  ['decode_rate', 'energy_per_token', 'speed and energy'],
  ['decode_rate', 'peak_rss', 'speed and memory'],
  ['decode_rate', 'model_bytes', 'speed and size'],
  ['model_bytes', 'energy_per_token', 'size and energy'],
  ['decode_rate', 'perplexity', 'speed and quality'],
  ['energy_per_token', 'perplexity', 'energy and quality'],
  ['model_bytes', 'perplexity', 'size and quality'],
  ['model_bytes', 'kl_divergence', 'size and distance from the parent'],
  ['decode_rate', 'choice_accuracy', 'speed and right choices'],
  ['prefill_rate', 'decode_rate', 'prefill and decode'],
];

/** Two metrics against each other, one point a setting; what nothing else beats in both is joined by a line. */
export function drawPareto(
  place: HTMLElement,
  own: readonly StoredSetting[],
  quality: readonly StoredQuality[],
  devices: readonly string[],
  having: readonly MetricName[],
): void {
  const { x, y, size } = current();
  const { settings, suites } = withQuality(own, quality, [x, y, size]);
  const { points, apart, scope } = pointsOf(settings, x, y, size);
  const known = [...new Set([...having, ...QUALITY])]; // that of a model is offered before it is measured, so that one learns how
  const front = points.filter(({ best }) => best);
  const label = `${metric(y).title} against ${metric(x).title}: the table below holds the figures`;
  const names = [...new Set(points.map(({ setting }) => setting.device))].sort();
  fill(
    place,
    h('h2', {}, 'Pareto'),
    h(
      'p',
      { class: 'note' },
      `Each point is a setting: device, build, model and threads. Ringed points are beaten by no other in both metrics. ${qualityNote(suites)}${scope ? `Scope ${scope}. ` : ''}${apart > 0 ? `${plural(apart, 'setting')} of another scope cannot stand beside them.` : ''}`,
    ),
    h(
      'div',
      { class: 'filters' },
      metricPick('x', 'across', x, known, (name) => go({ x: name })),
      metricPick('y', 'up', y, known, (name) => go({ y: name })),
      pick(
        'size',
        'size of a point',
        [['', 'all alike'], ...METRICS.filter(({ name }) => known.includes(name)).map(({ name, title }) => [name, title] as const)],
        size,
        (name) => go({ size: name as MetricName | '' }),
      ),
    ),
    h(
      'p',
      { class: 'note' },
      PAIRS.filter((pair) => having.includes(pair[0]) && having.includes(pair[1])).map(([a, b, title], i) => [
        i > 0 && ' · ',
        link({ x: a, y: b }, title),
      ]),
    ),
    points.length === 0
      ? h('p', { class: 'empty' }, `No setting has both ${metric(x).title} and ${metric(y).title} with the filters above.`, howTo(x, y, having))
      : h(
          'section',
          { class: 'panel', 'aria-label': 'Pareto' },
          legend(names, devices),
          h('div', { class: 'canvas', '--height': '420px' }, canvas(label, 'pareto')),
          h('h3', {}, 'Beaten by none'),
          tableBelow(
            label,
            ['setting', metric(x).title, metric(y).title, ...(size ? [metric(size).title] : []), 'runs', 'newest run'],
            front.map((point) => row(point, x, y, size)),
            true,
          ),
          h('p', { class: 'note' }, `${plural(points.length, 'setting')} in all.`),
          tableBelow('All points', ['setting', metric(x).title, metric(y).title, ...(size ? [metric(size).title] : []), 'runs', 'newest run'], () =>
            points.slice(0, 200).map((point) => row(point, x, y, size)),
          ),
        ),
  );
  if (points.length > 0) drawPoints(place.querySelector('canvas') as HTMLCanvasElement, points, x, y, devices);
}

function qualityNote(suites: ReadonlyMap<MetricName, string>): string {
  if (suites.size === 0) return '';
  const told = [...suites].map(([name, suite]) => `${metric(name).title} in the suite ${suite}`).join(', ');
  return `${told}: of the model, by its newest evaluation on any device. Perplexities stand side by side only where models have one vocabulary. `;
}

/** What to do for figures that nothing has yet. */
function howTo(x: MetricName, y: MetricName, having: readonly MetricName[]): Child {
  return [...new Set([x, y])]
    .filter((name) => !having.includes(name) || metric(name).ofModel)
    .map((name) => h('span', { class: 'note' }, ` ${metric(name).title}: ${commandFor(name)}`));
}

function commandFor(name: MetricName): string {
  if (name === 'top1_agreement' || name === 'kl_divergence')
    return '`fleet eval --model NAME --parent ORIGINAL` holds a model against the one it was made from.';
  if (metric(name).ofModel) return '`fleet eval --model NAME` measures it.';
  if (metric(name).unit === 'J' || metric(name).unit === 'W')
    return '`fleet bench --suite standard` measures it on a device with a power source; `fleet power` shows what a device has.';
  return '`fleet bench` with a suite that has it measures it; the page Suites tells what each one asks.';
}

function row({ setting, x, y, size }: Point, a: MetricName, b: MetricName, c: MetricName | '') {
  return [
    nameOf(setting),
    measured(x.value, a),
    measured(y.value, b),
    ...(c ? [measured(size?.value, c)] : []),
    String(x.runs),
    link({ run: x.run }, 'run'),
  ];
}

function nameOf({ device, toolchain, flags, model, threads }: StoredSetting): string {
  return [device, model, flags ? `${toolchain} ${flags}` : toolchain, plural(threads, 'thread')].join(' · ');
}

/** "Decode (tokens/s)"; what has no unit has no brackets. */
function axisTitle(name: MetricName): string {
  const { title, unit, better } = metric(name);
  return `${unit === '' ? title : `${title} (${unit})`}${better === 'lower' ? ', less is better' : ''}`;
}

function drawPoints(picture: HTMLCanvasElement, points: readonly Point[], a: MetricName, b: MetricName, devices: readonly string[]): void {
  const colours = palette();
  const largest = Math.max(...points.map(({ size }) => size?.value ?? 0));
  const radius = ({ size }: Point) => (size && largest > 0 ? 3 + 11 * Math.sqrt(size.value / largest) : 5);
  const colour = ({ setting }: Point) => colours.series[colourOf(setting.device, devices)] as string;
  const front = points.filter(({ best }) => best).sort((p, q) => p.x.value - q.x.value);
  const at = ({ x, y }: Point) => ({ x: x.value, y: y.value });
  const logarithmic = (values: number[]) => Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 30;
  const scale = (name: MetricName, values: number[]) => ({
    type: logarithmic(values) ? ('logarithmic' as const) : ('linear' as const),
    ...axis(colours, axisTitle(name), true),
    ticks: {
      color: colours.muted,
      maxTicksLimit: 8,
      callback: (value: string | number) => measured(Number(value), name).replace(/ .*$/, (unit) => (metric(name).unit === 'tokens/s' ? '' : unit)),
    },
  });
  draw<'scatter'>(picture, colours, {
    type: 'scatter',
    data: {
      datasets: [
        {
          label: 'front',
          data: front.map(at),
          showLine: true,
          borderColor: colours.muted,
          borderWidth: 1.5,
          borderDash: [5, 4],
          pointRadius: 0,
          pointHitRadius: 0,
          order: 2,
        },
        {
          label: 'settings',
          data: points.map(at),
          pointRadius: points.map(radius),
          pointHoverRadius: points.map((point) => radius(point) + 2),
          backgroundColor: points.map((point) => `${colour(point)}${point.best ? '' : '90'}`),
          pointBorderColor: points.map((point) => (point.best ? colours.text : 'transparent')),
          pointBorderWidth: 2,
          order: 1,
        },
      ],
    },
    options: {
      scales: {
        x: scale(
          a,
          points.map(({ x }) => x.value),
        ),
        y: scale(
          b,
          points.map(({ y }) => y.value),
        ),
      },
      onClick: (_event, found) => {
        const hit = found.find(({ datasetIndex }) => datasetIndex === 1);
        const point = hit && points[hit.index];
        if (point) go({ run: point.x.run });
      },
      plugins: {
        tooltip: {
          filter: (item) => item.datasetIndex === 1,
          callbacks: {
            title: ([item]) => (item ? onCanvas(nameOf((points[item.dataIndex] as Point).setting), 70) : ''),
            label: (item) => [measured(item.parsed.x, a), measured(item.parsed.y, b)],
          },
        },
      },
    },
  });
}
