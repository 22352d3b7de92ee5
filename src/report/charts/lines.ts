import { h, type Markup } from '../markup.ts';
import { colour, label, legend, picture, rule, tidy } from './frame.ts';
import { scale } from './scale.ts';

const WIDTH = 720;
const LEFT = 58;
/** Points of a line that a picture holds: more cannot be told apart. */
const MOST = 700;

export interface Line {
  name: string;
  /** A y of NaN breaks the line. */
  points: readonly (readonly [x: number, y: number])[];
  /** Not measured. */
  dashed?: boolean;
}

export interface LinesOptions {
  height?: number;
  /** y begins at zero. */
  zero?: boolean;
  /** From where to where x goes: charts of one stretch stand above each other. Default: as far as there are points. */
  span?: readonly [number, number];
}

/** Lines over one axis, such as power over time. */
export function lines(title: string, all: readonly Line[], x: string, y: string, { height = 190, zero = true, span }: LinesOptions = {}): Markup {
  const kept = all.map((line) => ({ ...line, points: thinned(line.points) })).filter(({ points }) => points.some(isSound));
  const sound = kept.flatMap(({ points }) => points.filter(isSound));
  const xs = span ?? sound.map(([at]) => at);
  const ys = sound.map(([, at]) => at);
  const named = kept.length > 1 || kept.some(({ dashed }) => dashed);
  const names = legend(named ? kept.map(({ name }) => name) : [], WIDTH, 4);
  const [top, bottom] = [names.height + 24, names.height + height - 34];
  const across = scale(least(xs), most(xs), x, LEFT, WIDTH - 14);
  const [low, high] = [zero ? Math.min(0, least(ys)) : least(ys), most(ys)];
  const up = scale(low, high > low ? high : low + Math.abs(low || 1) * 0.1, y, bottom, top);
  const grid = [
    ...up.ticks.flatMap(({ at, label: text }) => [rule(LEFT, at, WIDTH - 14, at), label(LEFT - 6, at + 4, text, { anchor: 'end', tone: 'muted' })]),
    ...across.ticks.map(({ at, label: text }) => label(at, bottom + 16, text, { anchor: 'middle', tone: 'muted' })),
    label(WIDTH - 14, bottom + 30, across.unit, { anchor: 'end', tone: 'muted' }),
    label(0, top - 12, up.unit, { tone: 'muted' }),
  ];
  const drawn = kept.map(({ name, points, dashed }, i) => {
    const { class: paint, fill: stroke } = colour(i);
    const path = points.map((point, j) => {
      const before = points[j - 1];
      return isSound(point) ? `${before && isSound(before) ? 'L' : 'M'}${tidy(across.at(point[0]))} ${tidy(up.at(point[1]))}` : '';
    });
    const looks = { fill: 'none', stroke, 'stroke-width': 1.4, 'stroke-linejoin': 'round', 'stroke-dasharray': dashed ? '5 4' : null };
    return h('path', { class: `line ${paint}`, d: path.join(''), ...looks }, name !== '' && h('title', {}, name));
  });
  const told = kept.map(({ name, points }) => `${name === '' ? '' : `${name}: `}${points.filter(isSound).length} points`).join(', ');
  return picture(WIDTH, names.height + height, title, told || 'nothing was recorded', names.marks, grid, drawn);
}

function isSound([x, y]: Line['points'][number]): boolean {
  return Number.isFinite(x) && Number.isFinite(y);
}

/** So few points that a picture can hold them, with the lowest and highest of each stretch: no peak goes missing, and no break. */
function thinned(points: Line['points']): Line['points'] {
  if (points.length <= MOST) return points;
  const size = Math.ceil(points.length / (MOST / 2));
  const kept: (readonly [number, number])[] = [];
  for (let at = 0; at < points.length; at += size) {
    const stretch = points.slice(at, at + size);
    const sorted = stretch.filter(isSound).sort((a, b) => a[1] - b[1]);
    const [low, high, gap] = [sorted[0], sorted.at(-1), stretch.findLast((point) => !isSound(point))];
    if (low && high) kept.push(...(low === high ? [low] : low[0] <= high[0] ? [low, high] : [high, low]));
    if (gap) kept.push(gap);
  }
  return kept;
}

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), values[0] ?? 0);
}

function most(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), values[0] ?? 1);
}
