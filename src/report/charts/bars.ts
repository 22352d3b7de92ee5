import { type MetricName, metric } from '../../core/metric.ts';
import { h, type Markup } from '../markup.ts';
import type { Setting } from '../settings.ts';
import { colour, label, legend, picture, rule, tidy, whisker } from './frame.ts';
import { scale } from './scale.ts';

const WIDTH = 720;
const NAMES = 150;
const ROW = 19;

/** Lying bars from zero: a group a device, a bar a toolchain, each with its spread and value. */
export function bars(settings: readonly Setting[], name: MetricName): Markup {
  const { title, unit, better } = metric(name);
  const devices = [...new Set(settings.map(({ device }) => device))];
  const toolchains = [...new Set(settings.map(({ toolchain }) => toolchain))].sort();
  const names = legend(toolchains, WIDTH, 4);
  const highest = Math.max(...settings.map(({ high, value }) => Math.max(high, value)), 0);
  const x = scale(0, highest, unit, NAMES, WIDTH - 60);
  const marks: Markup[] = [];
  let y = names.height + 8;
  const top = y;
  for (const device of devices) {
    const own = settings.filter((setting) => setting.device === device).sort((a, b) => (a.toolchain < b.toolchain ? -1 : 1));
    marks.push(label(NAMES - 8, y + (own.length * ROW) / 2 + 4, device, { anchor: 'end', longest: 22 }));
    for (const setting of own) {
      marks.push(...bar(setting, y, colour(toolchains.indexOf(setting.toolchain)), x));
      y += ROW;
    }
    y += 10;
  }
  const grid = x.ticks.flatMap(({ at, label: text }) => [rule(at, top - 4, at, y - 4), label(at, y + 12, text, { anchor: 'middle', tone: 'muted' })]);
  const axis = label(WIDTH, y + 28, `${x.unit}${better === 'neither' ? '' : `, ${better} is better`}`, { anchor: 'end', tone: 'muted' });
  const best = settings[0];
  const told = `${settings.length} bars by device and toolchain${best ? `; the best is ${best.device} with ${x.label(best.value)} ${x.unit}` : ''}`;
  return picture(WIDTH, y + 34, title, told, names.marks, grid, marks, axis);
}

function bar({ device, toolchain, threads, value, low, high }: Setting, y: number, paint: object, x: ReturnType<typeof scale>): Markup[] {
  const [from, to] = [x.at(0), x.at(value)];
  const middle = y + ROW / 2 - 1;
  const told = `${device}, ${toolchain}, ${threads} threads: ${x.label(value)} ${x.unit}, from ${x.label(low)} to ${x.label(high)}`;
  return [
    h('rect', { ...paint, x: tidy(from), y: tidy(y), width: Math.max(2, tidy(to - from)), height: ROW - 4, rx: 3 }, h('title', {}, told)),
    whisker(x.at(low), x.at(high), middle - 1, 4),
    label(Math.max(to, x.at(high)) + 7, middle + 3, x.label(value), { bold: true }),
  ];
}
