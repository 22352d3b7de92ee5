import type { CheckRow } from '../core/check.ts';
import { percent, quantity } from '../core/format.ts';
import { metric } from '../core/metric.ts';
import { plain } from '../core/plain.ts';
import { type Colours, colours as coloursOf } from './colour.ts';
import { fit, type GridColumn, gridLines } from './grid.ts';
import { escaped, markdownTable } from './markdown.ts';

/** What was checked, for the head of a report. */
export interface CheckHead {
  baseline: string;
  /** Largest loss that is allowed: 0.03 is 3 %. */
  most: number;
  passed: boolean;
  /** What could not be measured. */
  errors?: readonly { device: string; message: string }[];
}

const TITLES = ['device', 'metric', 'model', 'threads', 'build', 'baseline', 'current', 'change', 'interval', 'from', 'outcome'] as const;
const RANKS = [0, 0, 3, 4, 3, 2, 2, 0, 1, 2, 0];
const RIGHT = [3, 5, 6, 7];

function cellsOf(row: CheckRow): string[] {
  const from = row.how === 'pairs' ? `${row.count[0]} pairs` : row.how === 'runs' ? `${row.count.join(' and ')} runs` : '';
  const amount = (value: number | null) => (value === null ? '' : quantity(value, row.unit));
  return [
    ...[row.device, metric(row.metric).title, row.model, String(row.threads), row.build, amount(row.baseline), amount(row.current)],
    ...[row.change === null ? '' : percent(row.change), row.interval ? row.interval.map(percent).join(' to ') : '', from, row.outcome],
  ];
}

/** One sentence: did it pass, and why not. */
export function checkSentence(rows: readonly CheckRow[], { baseline, most, passed, errors = [] }: CheckHead): string {
  const count = (outcome: CheckRow['outcome']) => rows.filter((row) => row.outcome === outcome).length;
  const lost = count('regression');
  const open = count('unknown');
  const bar = `more than ${(100 * most).toFixed(1)} % worse than baseline ${baseline}`;
  if (lost > 0) return `Failed: ${lost} of ${rows.length} ${lost === 1 ? 'is' : 'are'} ${bar}.`;
  if (errors.length > 0) return `Failed: ${[...new Set(errors.map(({ device }) => device))].join(', ')} could not be measured.`;
  if (open === rows.length) return `Failed: nothing could be judged against baseline ${baseline}.`;
  const rest = open > 0 ? `; ${open} of ${rows.length} ${open === 1 ? 'is' : 'are'} not settled` : '';
  return passed ? `Passed: nothing is ${bar}${rest}.` : `Failed: nothing is ${bar}${rest}.`;
}

/** What `fleet check` tells in a terminal. Ends with a newline. */
export function checkTable(rows: readonly CheckRow[], head: CheckHead, { width = 100, colour = false } = {}): string {
  const colours = coloursOf(colour);
  const cells = rows.map((row) => cellsOf(row).map((cell) => plain(cell)));
  const columns = TITLES.map((title, i): GridColumn => {
    const style = title === 'outcome' ? (text: string, at: number) => tone(rows[at] as CheckRow, colours)(text) : undefined;
    return {
      title,
      align: RIGHT.includes(i) ? 'right' : 'left',
      rank: RANKS[i] as number,
      cells: cells.map((row) => row[i] as string),
      ...(style && { style }),
    };
  });
  const notes = notesOf(rows, head).map((note) => plain(note));
  const sentence = checkSentence(rows, head);
  const lines = [...gridLines(fit(columns, width).kept, colours.dim), '', ...notes, (head.passed ? colours.green : colours.red)(plain(sentence))];
  return `${lines.join('\n')}\n`;
}

/** The same as a document, for the summary of a CI job. */
export function checkMarkdown(rows: readonly CheckRow[], head: CheckHead): string {
  const aligns = TITLES.map((_, i) => (RIGHT.includes(i) ? 'right' : 'left') as 'left' | 'right');
  const parts = [`# fleet check against ${escaped(head.baseline)}`, escaped(checkSentence(rows, head))];
  if (rows.length > 0) parts.push(markdownTable(TITLES, aligns, rows.map(cellsOf)));
  const notes = notesOf(rows, head).map((note) => `- ${escaped(note)}`);
  if (notes.length > 0) parts.push(notes.join('\n'));
  return `${parts.join('\n\n')}\n`;
}

function notesOf(rows: readonly CheckRow[], { errors = [] }: CheckHead): string[] {
  const ofRows = rows.flatMap((row) => (row.note ? [`${row.device}, ${metric(row.metric).title}, ${row.model}: ${row.note}`] : []));
  return [...new Set([...ofRows, ...errors.map(({ device, message }) => `${device}: ${message}`)])];
}

function tone({ outcome }: CheckRow, { green, red, dim }: Colours): (text: string) => string {
  return outcome === 'regression' ? red : outcome === 'unknown' ? dim : green;
}
