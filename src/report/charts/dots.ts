import { type MetricName, metric } from '../../core/metric.ts';
import { h, type Markup } from '../markup.ts';
import { colour, label, picture, rule, tidy } from './frame.ts';
import { scale } from './scale.ts';

const WIDTH = 720;
const HEIGHT = 300;
const LEFT = 58;

export interface Dot {
  name: string;
  x: number;
  y: number;
}

/** One metric against another; a dot that no other one beats in both is filled, the others are rings. */
export function dots(all: readonly Dot[], xName: MetricName, yName: MetricName): Markup {
  const [xs, ys] = [metric(xName), metric(yName)];
  const [top, bottom] = [22, HEIGHT - 40];
  const x = scale(0, Math.max(...all.map((dot) => dot.x)), xs.unit, LEFT, WIDTH - 110);
  const y = scale(0, Math.max(...all.map((dot) => dot.y)), ys.unit, bottom, top);
  const beats = (a: number, b: number, name: MetricName) => (metric(name).better === 'lower' ? a < b : a > b);
  const front = all.filter((dot) => !all.some((other) => beats(other.x, dot.x, xName) && beats(other.y, dot.y, yName)));
  const marks = all.map((dot) => {
    const { class: paint, fill } = colour(0);
    const first = front.includes(dot);
    const told = `${dot.name}: ${x.label(dot.x)} ${x.unit}, ${y.label(dot.y)} ${y.unit}`;
    const looks = first ? { class: paint, fill } : { class: `line ${paint}`, fill: 'none', stroke: fill, 'stroke-width': 1.5 };
    return [
      h('circle', { cx: tidy(x.at(dot.x)), cy: tidy(y.at(dot.y)), r: 5, ...looks }, h('title', {}, told)),
      label(x.at(dot.x) + 9, y.at(dot.y) + 4, dot.name, { longest: 24, bold: first }),
    ];
  });
  const grid = [
    ...y.ticks.flatMap(({ at, label: text }) => [rule(LEFT, at, WIDTH - 14, at), label(LEFT - 6, at + 4, text, { anchor: 'end', tone: 'muted' })]),
    ...x.ticks.flatMap(({ at, label: text }) => [rule(at, top, at, bottom), label(at, bottom + 16, text, { anchor: 'middle', tone: 'muted' })]),
    label(WIDTH - 14, bottom + 32, `${xs.title}, ${x.unit}: ${xs.better} is better`, { anchor: 'end', tone: 'muted' }),
    label(0, 12, `${ys.title}, ${y.unit}: ${ys.better} is better`, { tone: 'muted' }),
  ];
  const told = `${all.length} devices; not beaten in both: ${front.map(({ name }) => name).join(', ')}`;
  return picture(WIDTH, HEIGHT, `${ys.title} against ${xs.title}`, told, grid, marks);
}
