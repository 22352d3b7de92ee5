import type { ComparisonRow } from '../core/comparison.ts';
import { number, percent, quantity } from '../core/format.ts';
import { metric } from '../core/metric.ts';
import { plain } from '../core/plain.ts';
import { LEVEL } from '../core/verdict.ts';
import { type Colours, colours as coloursOf } from './colour.ts';
import { fit, type GridColumn, gridLines } from './grid.ts';

/** Half the places of the drawn interval; the middle is no change. */
const HALF = 10;

/**
 * What `fleet compare` ends with: a line a device and metric, its interval drawn around no change, and a sentence for what is not settled.
 * Ends with a newline.
 */
export function comparisonTable(rows: readonly ComparisonRow[], { width = 100, colour = false } = {}): string {
  if (rows.length === 0) return 'No comparisons.\n';
  const colours = coloursOf(colour);
  const scale = Math.max(...rows.flatMap(({ interval, threshold }) => [2 * threshold, ...(interval ?? []).map((end) => Math.abs(end ?? 0))]));
  const cells = (cell: (row: ComparisonRow) => string) => rows.map((row) => plain(cell(row)));
  const columns: GridColumn[] = [
    { title: 'device', align: 'left', rank: 0, cells: cells(({ device }) => device) },
    { title: 'metric', align: 'left', rank: 0, cells: cells((row) => metric(row.metric).title) },
    { title: 'threads', align: 'right', rank: 4, cells: cells(({ threads }) => String(threads)) },
    { title: 'baseline', align: 'right', rank: 2, cells: cells((row) => value(row.baselineMedian, row.unit)) },
    { title: 'candidate', align: 'right', rank: 2, cells: cells((row) => value(row.candidateMedian, row.unit)) },
    { title: 'change', align: 'right', rank: 0, cells: cells((row) => percent(row.change)) },
    { title: 'interval', align: 'left', rank: 1, cells: cells(({ interval }) => (interval ? interval.map(percent).join(' to ') : '')) },
    { title: '', align: 'left', rank: 5, cells: cells((row) => drawn(row, scale)), style: (text) => colours.cyan(text) },
    { title: 'pairs', align: 'right', rank: 3, cells: cells(({ pairs }) => String(pairs)) },
    {
      title: 'verdict',
      align: 'left',
      rank: 0,
      cells: cells(({ verdict }) => verdict),
      style: (text, i) => tone(rows[i] as ComparisonRow, colours)(text),
    },
  ];
  const { kept } = fit(columns, width);
  const first = rows[0] as ComparisonRow;
  const notes = new Set(rows.flatMap((row) => [...noise(row), ...(row.note ? [`${row.device}: ${plain(row.note)}`] : [])]));
  const lines = [
    `${colours.bold(plain(`${first.candidate} against ${first.baseline}`))} ${colours.dim(plain(`· ${first.model} · suite ${first.suite}`))}`,
    '',
    ...gridLines(kept, colours.dim),
    '',
    colours.dim(
      `Change: candidate against baseline, Hodges-Lehmann over pairs of launches; interval: exact signed-rank, ${number(100 * LEVEL)} % at this look.`,
    ),
    ...notes,
  ];
  return `${lines.join('\n')}\n`;
}

function noise({ device, noise: own, threshold, metric: name, pairs }: ComparisonRow): string[] {
  if (pairs === 0) return [];
  const title = metric(name).title;
  if (own === null)
    return [`${device}: ${title}: changes below ${percent(threshold).slice(1)} do not count; its own noise is not known yet (--noise measures it)`];
  return [
    `${device}: ${title}: compared with itself it varies by ${percent(own).slice(1)}; changes below ${percent(threshold).slice(1)} do not count`,
  ];
}

function value(amount: number | null, unit: string): string {
  return amount === null ? '' : quantity(amount, unit);
}

/** The interval as a line around the middle, from -scale to +scale. */
function drawn({ interval, change }: ComparisonRow, scale: number): string {
  if (!interval || change === null) return '';
  const place = (at: number) => HALF + Math.round((HALF * Math.max(-scale, Math.min(scale, at))) / scale);
  const [low, high] = [place(interval[0] ?? -scale), place(interval[1] ?? scale)];
  return Array.from({ length: 2 * HALF + 1 }, (_, i) => (i === place(change) ? '●' : i >= low && i <= high ? '─' : i === HALF ? '│' : ' '))
    .join('')
    .trimEnd();
}

function tone({ verdict }: ComparisonRow, { green, red, bold, dim }: Colours): (text: string) => string {
  if (verdict === 'faster') return green;
  if (verdict === 'slower') return red;
  return verdict === 'unknown' ? dim : bold;
}
