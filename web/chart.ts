import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  type ChartConfiguration,
  type ChartType,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  ScatterController,
  Tooltip,
} from 'chart.js';
import { plain } from '../src/core/plain.ts';
import { type Child, fill, h } from './dom.ts';

Chart.register(
  BarController,
  BarElement,
  LineController,
  LineElement,
  PointElement,
  ScatterController,
  CategoryScale,
  LinearScale,
  LogarithmicScale,
  Tooltip,
);
Chart.defaults.animation = false;
Chart.defaults.maintainAspectRatio = false;

/** How many colours there are for series; they are also classes series-0 … of the style sheet. */
export const COLOURS = 8;

/** The colours of the page as it is now, light or dark: read once for each, for to read them the whole page is styled anew. */
export function palette(): Palette {
  const known = palettes[Number(dark.matches)] ?? readPalette();
  palettes[Number(dark.matches)] = known;
  return known;
}

const dark = matchMedia('(prefers-color-scheme: dark)');
const palettes: Palette[] = [];

function readPalette() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  return {
    ...{ text: colour('--text'), muted: colour('--muted'), line: colour('--line'), surface: colour('--surface') },
    series: Array.from({ length: COLOURS }, (_, i) => colour(`--series-${i}`)),
    font: getComputedStyle(document.body).fontFamily,
  };
}
export type Palette = ReturnType<typeof readPalette>;

/** The colour, by its number, of one name among all names of its kind: it stays when others are filtered away. */
export function colourOf(name: string, all: readonly string[]): number {
  return Math.max(0, all.indexOf(name)) % COLOURS;
}

const drawn = new Map<HTMLCanvasElement, Chart>();

/** Draws a chart on a canvas that stands in the page. */
export function draw<Type extends ChartType>(canvas: HTMLCanvasElement, colours: Palette, config: ChartConfiguration<Type>): Chart<Type> {
  Chart.defaults.color = colours.muted;
  Chart.defaults.borderColor = colours.line;
  Chart.defaults.font = { family: colours.font, size: 12 };
  Object.assign(Chart.defaults.plugins.tooltip, {
    ...{ backgroundColor: colours.text, titleColor: colours.surface, bodyColor: colours.surface, footerColor: colours.surface },
    ...{ padding: 10, cornerRadius: 8, displayColors: false },
  });
  drawn.get(canvas)?.destroy();
  const chart = new Chart(canvas, config);
  drawn.set(canvas, chart as unknown as Chart);
  return chart;
}

/** Lets go of the charts whose canvas is no longer in the page. */
export function sweep(): void {
  for (const [canvas, chart] of drawn) {
    if (canvas.isConnected) continue;
    chart.destroy();
    drawn.delete(canvas);
  }
}

/** The axis of a figure: quiet lines, figures in the reader's locale. */
export function axis(colours: Palette, title: string, grid: boolean) {
  return {
    title: { display: title !== '', text: title, color: colours.muted },
    grid: { display: grid, color: colours.line, drawTicks: false },
    border: { display: false },
    ticks: { color: colours.muted, padding: 6 },
  };
}

/** What a canvas shows, for those who cannot see it; the table below it has the figures. */
export function canvas(label: string, name: string): HTMLCanvasElement {
  return h('canvas', { role: 'img', 'aria-label': label, 'data-chart': name });
}

/** The names of the colours. */
export function legend(names: readonly string[], all: readonly string[]): HTMLElement {
  return h(
    'ul',
    { class: 'legend' },
    names.map((name) => h('li', {}, h('span', { class: `swatch series-${colourOf(name, all)}` }), name)),
  );
}

type Rows = readonly (readonly Child[])[];

/** The figures of a chart below it, folded away unless `open`. Rows that are given as a function are made when one first looks at them. */
export function tableBelow(caption: string, heads: readonly string[], rows: Rows | (() => Rows), open = false): HTMLElement {
  const body = h('tbody', {}, typeof rows === 'function' ? [] : bodyRows(rows));
  let later = typeof rows === 'function' ? rows : null;
  const look = () => {
    if (later) fill(body, bodyRows(later()));
    later = null;
  };
  return h(
    'details',
    { open, ontoggle: look }, // also where the browser itself unfolds it, to show what it found
    h('summary', { onclick: look }, 'Table'),
    h(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
      h(
        'table',
        {},
        h('caption', { class: 'unseen' }, caption),
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            heads.map((head, i) => h('th', { scope: 'col', class: i > 0 ? 'figure' : null }, head)),
          ),
        ),
        body,
      ),
    ),
  );
}

function bodyRows(rows: Rows): HTMLElement[] {
  return rows.map((cells) =>
    h(
      'tr',
      {},
      cells.map((cell, i) => (i === 0 ? h('th', { scope: 'row' }, cell) : h('td', { class: 'figure' }, cell))),
    ),
  );
}

/** One line of text on a canvas. */
export const onCanvas = (text: string, longest = 28): string => {
  const safe = plain(text);
  return safe.length > longest ? `${safe.slice(0, longest - 1)}…` : safe;
};
