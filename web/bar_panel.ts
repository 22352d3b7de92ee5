import { METRICS, type MetricName, metric } from '../src/core/metric.ts';
import { oneScope, SCOPES, type Scope } from '../src/core/scope.ts';
import { axis, COLOURS, canvas, colourOf, draw, legend, onCanvas, palette, tableBelow } from './chart.ts';
import { fill, h } from './dom.ts';
import { bars, type Setting, seriesOf, settingsOf, type Workload } from './groups.ts';
import { link } from './links.ts';
import { count, figure, measured, plural, range, tick } from './numbers.ts';
import { type Axis, current, go } from './state.ts';
import { type Whisker, whiskers } from './whiskers.ts';

/** Names of devices and toolchains in a fixed order, so that each keeps its colour. */
export interface Names {
  device: readonly string[];
  toolchain: readonly string[];
}

const ROW = 19; // height of a bar, px
/** Groups in the chart, and bars of one; the table has all of them. */
const DRAWN = 16;
const BARS = COLOURS;

/** One bar chart: a metric by device, toolchain or threads, with the spread of its raw values, and its table. Gives what draws the chart, when the panel stands. */
export function barPanel(
  place: HTMLElement,
  side: 'left' | 'right',
  workload: Workload | undefined,
  names: Names,
  known: readonly MetricName[],
): () => void {
  const { axis: by, [side]: name } = current();
  const { title, definition, unit } = metric(name);
  const inner = seriesOf(by);
  const { scope, kept, others: apart } = oneScope(settingsOf(workload?.settings ?? [], name), (setting) => setting.scope ?? undefined);
  const { categories, series, cell } = bars(kept, by, (setting) => setting[inner], name);
  const label = `${title} by ${by}, bars by ${inner}: the table below holds the figures`;
  const picture = canvas(label, side);
  const drawn = categories.slice(0, DRAWN);
  const best = bestOf(series, drawn, cell, name);
  const own = names[inner].length > COLOURS ? best : names[inner]; // of more names than colours those that are drawn have one each
  const rest =
    (categories.length > DRAWN ? ` The first ${DRAWN} of ${categories.length} are drawn.` : '') +
    (series.length > best.length ? ` Of ${plural(series.length, inner)} the best ${best.length} are drawn.` : '');
  const fullest = Math.max(1, ...drawn.map((category) => best.filter((of) => cell(category, of)).length));
  const height = Math.max(120, drawn.length * (fullest * ROW + 14) + 44);
  fill(
    place,
    h('div', { class: 'panel-head' }, h('h3', {}, `${title} by ${by}`), metricSelect(side, name, known)),
    h('p', { class: 'note' }, `${definition}${scope === null ? '' : scopeNote(scope, apart)}${rest}`),
    categories.length === 0
      ? h('p', { class: 'empty' }, `No run here has ${title}.`)
      : [
          legend(best, own),
          h('div', { class: 'canvas', '--height': `${height}px` }, picture),
          tableBelow(label, [by, inner, ...others(by, inner), title, 'lowest', 'highest', 'n', 'newest run'], () =>
            tableRows(categories, series, cell, name, by, inner),
          ),
        ],
  );
  return () => {
    if (categories.length > 0) drawBars(picture, { name, unit, by, categories: drawn, series: best, cell, names: own });
  };
}

/** As many names of bars as there are colours, in their order: those that are best anywhere. */
function bestOf(series: readonly string[], categories: readonly string[], cell: Drawing['cell'], name: MetricName): readonly string[] {
  if (series.length <= BARS) return series;
  const sign = metric(name).better === 'lower' ? 1 : -1;
  const top = (of: string) => Math.min(...categories.flatMap((category) => sign * (cell(category, of)?.value ?? Number.NaN)).filter(Number.isFinite));
  const tops = new Map(series.map((of) => [of, top(of)]));
  const kept = new Set([...series].sort((a, b) => (tops.get(a) as number) - (tops.get(b) as number)).slice(0, BARS));
  return series.filter((of) => kept.has(of));
}

/** What these figures cover, and how many are left out because they cover something else. */
function scopeNote(scope: Scope, apart: number): string {
  const row = SCOPES.find(({ name }) => name === scope);
  return ` Scope ${scope}: ${row?.meaning}.${apart > 0 ? ` ${plural(apart, 'setting')} of another scope cannot stand beside them.` : ''}`;
}

interface Drawing {
  name: MetricName;
  unit: string;
  by: Axis;
  categories: readonly string[];
  series: readonly string[];
  cell(category: string, series: string): Setting | undefined;
  /** All that may have a colour. */
  names: readonly string[];
}

function drawBars(picture: HTMLCanvasElement, { name, unit, by, categories, series, cell, names }: Drawing): void {
  const colours = palette();
  const scaled = scale(unit, categories, series, cell);
  const spread = series.map((of) =>
    categories.map((category): Whisker | null => {
      const setting = cell(category, of);
      return setting ? { low: setting.low / scaled.by, high: setting.high / scaled.by, label: figure(setting.value / scaled.by) } : null;
    }),
  );
  const highest = Math.max(...categories.flatMap((category) => series.map((of) => cell(category, of)?.high ?? 0)));
  const at = (dataset: number, index: number) => cell(categories[index] ?? '', series[dataset] ?? '');
  const longest = picture.clientWidth < 420 ? 12 : 28;
  draw<'bar'>(picture, colours, {
    type: 'bar',
    data: {
      labels: categories.map((category) => (by === 'threads' ? plural(Number(category), 'thread') : onCanvas(category, longest))),
      datasets: series.map((of) => ({
        label: onCanvas(of),
        data: categories.map((category) => {
          const setting = cell(category, of);
          return setting ? setting.value / scaled.by : null;
        }),
        backgroundColor: categories.map((category) => `${colours.series[colourOf(of, names)]}${cell(category, of)?.valid === false ? '55' : ''}`),
        maxBarThickness: ROW - 3,
        borderRadius: 3,
        skipNull: true,
        categoryPercentage: 0.84,
        barPercentage: 0.84,
        minBarLength: 2,
      })),
    },
    options: {
      indexAxis: 'y',
      layout: { padding: { right: 44 } },
      scales: {
        x: {
          ...axis(colours, scaled.unit, true),
          beginAtZero: true,
          suggestedMax: highest / scaled.by,
          ticks: { color: colours.muted, callback: tick },
        },
        y: { ...axis(colours, '', false), ticks: { color: colours.text, autoSkip: false, padding: 6 } },
      },
      onClick: (_event, found) => {
        const bar = found[0];
        const setting = bar && at(bar.datasetIndex, bar.index);
        if (setting) go({ run: setting.run });
      },
      onHover: (_event, found) => picture.classList.toggle('points', found.length > 0),
      plugins: {
        tooltip: {
          callbacks: {
            title: ([item]) => (item ? describe(at(item.datasetIndex, item.dataIndex)) : ''),
            label: (item) => {
              const setting = at(item.datasetIndex, item.dataIndex);
              return setting ? [measured(setting.value, name), range(setting.low, setting.high, name), plural(setting.runs, 'run')] : '';
            },
          },
        },
      },
    },
    plugins: [whiskers(spread, colours.text, colours.surface)],
  });
}

function describe(setting: Setting | undefined): string {
  return setting
    ? onCanvas(`${setting.device}, ${setting.toolchain}, ${plural(setting.threads, 'thread')}${setting.valid ? '' : ', not valid'}`, 70)
    : '';
}

/** One prefix for the whole axis: seconds below 1 as milliseconds, bytes as GB. */
function scale(unit: string, categories: readonly string[], series: readonly string[], cell: Drawing['cell']): { by: number; unit: string } {
  const top = Math.max(...categories.flatMap((category) => series.map((of) => cell(category, of)?.value ?? 0)));
  const of = (by: number, prefix: string) => ({ by, unit: `${prefix}${unit}` });
  if (unit === 's') return top < 1 ? of(1e-3, 'm') : of(1, '');
  if (unit === 'B' || unit === 'B/s' || unit === 'Hz') return top >= 1e9 ? of(1e9, 'G') : top >= 1e6 ? of(1e6, 'M') : of(1, '');
  return { by: 1, unit: unit === 'degC' ? '°C' : unit === 'count' ? '' : unit };
}

function others(by: Axis, inner: 'device' | 'toolchain'): ('device' | 'toolchain' | 'threads')[] {
  return (['device', 'toolchain', 'threads'] as const).filter((name) => name !== by && name !== inner);
}

function tableRows(
  categories: readonly string[],
  series: readonly string[],
  cell: Drawing['cell'],
  name: MetricName,
  by: Axis,
  inner: 'device' | 'toolchain',
) {
  return categories.flatMap((category) =>
    series.flatMap((of) => {
      const setting = cell(category, of);
      if (!setting) return [];
      const rest = others(by, inner).map((key) => String(setting[key]));
      return [
        [
          setting.valid ? category : `${category} (not valid)`,
          of,
          ...rest,
          measured(setting.value, name),
          measured(setting.low, name),
          measured(setting.high, name),
          count(setting.n),
          link({ run: setting.run }, 'run'),
        ],
      ];
    }),
  );
}

function metricSelect(side: 'left' | 'right', name: MetricName, having: readonly MetricName[]): HTMLElement {
  const known = METRICS.filter((row) => row.name === name || having.includes(row.name));
  const select = h(
    'select',
    { id: `metric-${side}`, onchange: () => go({ [side]: select.value }) },
    known.map((row) => h('option', { value: row.name, selected: row.name === name }, row.title)),
  );
  return h('label', { class: 'pick' }, h('span', { class: 'unseen' }, `Metric of the ${side} chart`), select);
}
