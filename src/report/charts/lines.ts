import { h, type Markup } from '../markup.ts';
import { colour, label, legend, picture, rule, tidy } from './frame.ts';
import { scale } from './scale.ts';

const WIDTH = 720;
const LEFT = 58;
/** Points of a line that a picture holds: more cannot be told apart. */
const MOST = 700;

export interface Line {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}

/** Lines over one axis, such as power over time; y begins at zero unless `from` says otherwise. */
export function lines(
  title: string,
  all: readonly Line[],
  x: string,
  y: string,
  { height = 190, zero = true }: { height?: number; zero?: boolean } = {},
): Markup {
  const kept = all.filter(({ points }) => points.length > 0).map((line) => ({ ...line, points: thinned(line.points) }));
  const xs = kept.flatMap(({ points }) => points.map(([at]) => at));
  const ys = kept.flatMap(({ points }) => points.map(([, at]) => at));
  const names = legend(kept.length > 1 ? kept.map(({ name }) => name) : [], WIDTH, 4);
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
  const drawn = kept.map(({ name, points }, i) => {
    const { class: paint, fill: stroke } = colour(i);
    const path = points.map(([a, b], j) => `${j === 0 ? 'M' : 'L'}${tidy(across.at(a))} ${tidy(up.at(b))}`).join('');
    return h(
      'path',
      { class: `line ${paint}`, d: path, fill: 'none', stroke, 'stroke-width': 1.4, 'stroke-linejoin': 'round' },
      h('title', {}, name),
    );
  });
  const told = kept.map(({ name, points }) => `${name}: ${points.length} points`).join(', ');
  return picture(WIDTH, names.height + height, title, told || 'nothing was recorded', names.marks, grid, drawn);
}

/** So few points that a picture can hold them, with the lowest and highest of each stretch: no peak goes missing. */
function thinned(points: Line['points']): Line['points'] {
  const sound = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  if (sound.length <= MOST) return sound;
  const size = Math.ceil(sound.length / (MOST / 2));
  const kept: (readonly [number, number])[] = [];
  for (let at = 0; at < sound.length; at += size) {
    const stretch = sound.slice(at, at + size);
    const sorted = [...stretch].sort((a, b) => a[1] - b[1]);
    const [low, high] = [sorted[0], sorted.at(-1)] as [readonly [number, number], readonly [number, number]];
    kept.push(...(low === high ? [low] : low[0] <= high[0] ? [low, high] : [high, low]));
  }
  return kept;
}

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), values[0] ?? 0);
}

function most(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), values[0] ?? 1);
}
