import { plain } from '../../core/plain.ts';
import { type Child, h, type Markup } from '../markup.ts';

/** Colours of series, told apart in the common kinds of colour blindness; the page's style has others for the dark. */
export const COLOURS = ['#0072b2', '#d55e00', '#00876a', '#b8568f', '#8f7300', '#3d8fc4', '#5b5f63', '#7a4fb5'] as const;

const TEXT = '#1b2126';
const MUTED = '#5a636b';
const LINE = '#e0e2de';

/** A picture of so many user units, with its name for those who cannot see it. It stands by itself: colours are in it, classes let a page change them. */
export function picture(width: number, height: number, title: string, description: string, ...children: readonly Child[]): Markup {
  return h(
    'svg',
    {
      ...{
        xmlns: 'http://www.w3.org/2000/svg',
        viewBox: `0 0 ${width} ${height}`,
        width,
        height,
        role: 'img',
        'aria-label': `${title}. ${description}`,
      },
      ...{ 'font-family': 'system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, sans-serif', 'font-size': 12 },
    },
    h('title', {}, title),
    h('rect', { class: 'ground', width, height, fill: '#ffffff' }),
    ...children,
  );
}

export interface TextOptions {
  anchor?: 'start' | 'middle' | 'end';
  tone?: 'text' | 'muted';
  bold?: boolean;
  longest?: number;
}

/** One line of text, cut to so many characters. */
export function label(x: number, y: number, text: string, { anchor = 'start', tone = 'text', bold = false, longest = 60 }: TextOptions = {}): Markup {
  const safe = plain(text);
  const cut = safe.length > longest ? `${safe.slice(0, longest - 1)}…` : safe;
  const attributes = { x: tidy(x), y: tidy(y), class: tone, fill: tone === 'text' ? TEXT : MUTED, 'text-anchor': anchor === 'start' ? null : anchor };
  return h('text', { ...attributes, 'font-weight': bold ? 600 : null }, cut, cut === safe ? null : h('title', {}, safe));
}

export function rule(x1: number, y1: number, x2: number, y2: number): Markup {
  return h('line', { class: 'rule', x1: tidy(x1), y1: tidy(y1), x2: tidy(x2), y2: tidy(y2), stroke: LINE });
}

/** A line in the colour of text, on a halo in that of the ground: a whisker over a bar. */
export function whisker(from: number, to: number, y: number, arm: number): Markup {
  const path = `M${tidy(from)} ${tidy(y - arm)}V${tidy(y + arm)}M${tidy(from)} ${tidy(y)}H${tidy(to)}M${tidy(to)} ${tidy(y - arm)}V${tidy(y + arm)}`;
  return h(
    'g',
    { fill: 'none' },
    h('path', { class: 'halo', d: path, stroke: '#ffffff', 'stroke-width': 3.5 }),
    h('path', { class: 'mark', d: path, stroke: TEXT, 'stroke-width': 1.5 }),
  );
}

export function colour(series: number): { class: string; fill: string } {
  const at = series % COLOURS.length;
  return { class: `series-${at}`, fill: COLOURS[at] as string };
}

/** The names of the colours, one line a row where they are many. */
export function legend(names: readonly string[], width: number, top: number): { height: number; marks: Markup[] } {
  const marks: Markup[] = [];
  let [x, y] = [0, top];
  names.forEach((name, i) => {
    const taken = 26 + 7.6 * Math.min(32, plain(name).length);
    if (x > 0 && x + taken > width) [x, y] = [0, y + 18];
    marks.push(
      h('rect', { ...colour(i), x: tidy(x), y: y + 2, width: 10, height: 10, rx: 2 }),
      label(x + 15, y + 11, name, { tone: 'muted', longest: 32 }),
    );
    x += taken;
  });
  return { height: names.length > 0 ? y - top + 22 : 0, marks };
}

/** Tenths are enough. */
export function tidy(place: number): number {
  return Math.round(place * 10) / 10;
}
