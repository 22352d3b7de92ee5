import type { ComparisonRow } from '../../core/comparison.ts';
import { metric } from '../../core/metric.ts';
import { h, type Markup } from '../markup.ts';
import { label, picture, rule, tidy, whisker } from './frame.ts';
import { scale } from './scale.ts';

const WIDTH = 720;
const NAMES = 250;
const ROW = 24;
const TONES: Record<string, string> = { faster: '#146c43', slower: '#a8201a', same: '#1b2126', unknown: '#5a636b', 'same code': '#5a636b' };

/** The change of each comparison with its interval around no change; grey is unknown. */
export function intervals(rows: readonly ComparisonRow[]): Markup {
  const known = rows.filter(({ interval, change }) => interval !== null && change !== null);
  const reach = Math.max(0.02, ...known.flatMap(({ interval, change }) => [...(interval ?? []), change].map((end) => Math.abs(end ?? 0))));
  const x = scale(-100 * reach, 100 * reach, '', NAMES, WIDTH - 90);
  const bottom = known.length * ROW + 12;
  const marks = known.map((row, i) => {
    const y = i * ROW + 18;
    const [low, high] = [row.interval?.[0] ?? -reach, row.interval?.[1] ?? reach].map((end) => x.at(100 * end)) as [number, number];
    const name = `${row.device}, ${metric(row.metric).title}: ${row.candidate} / ${row.baseline}`;
    return [
      label(NAMES - 10, y + 4, name, { anchor: 'end', longest: 38 }),
      whisker(low, high, y, 5),
      h('circle', {
        class: `verdict-${row.verdict.replace(' ', '-')}`,
        cx: tidy(x.at(100 * (row.change ?? 0))),
        cy: y,
        r: 5,
        fill: TONES[row.verdict],
      }),
      label(WIDTH - 82, y + 4, row.verdict, { bold: row.verdict !== 'unknown' }),
    ];
  });
  const grid = x.ticks.flatMap(({ at, label: text }) => [
    rule(at, 4, at, bottom),
    label(at, bottom + 14, `${text} %`, { anchor: 'middle', tone: 'muted' }),
  ]);
  const told = known.map(({ device, metric: name, verdict }) => `${device} ${name} ${verdict}`).join(', ');
  return picture(WIDTH, bottom + 24, 'Comparisons', told, grid, marks);
}
