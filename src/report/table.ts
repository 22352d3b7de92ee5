import { plain } from '../core/plain.ts';
import type { RunSummary } from '../core/run.ts';
import { isReal, isValid } from '../core/validity.ts';
import { card } from './card.ts';
import { type Colours, colours as coloursOf, resultColour } from './colour.ts';
import { type Column, filledColumns, groups, ID } from './columns.ts';
import { fit, type GridColumn, gridLines, gridWidth } from './grid.ts';
import { failures, flagMeanings, LEGEND } from './notes.ts';

export interface TableOptions {
  /** Columns of the terminal. */
  width?: number;
  colour?: boolean;
  /** Show the ids of the runs. */
  ids?: boolean;
}

/**
 * What `fleet bench` and `fleet runs` end with: a table for each model and suite, a card where there is but one run or little width, then
 * why runs failed and what their flags mean. Ends with a newline; nothing in it comes unescaped from a device.
 */
export function table(runs: readonly RunSummary[], { width = 100, colour = false, ids = false }: TableOptions = {}): string {
  const colours = coloursOf(colour);
  if (runs.length === 0) return 'No runs.\n';
  const lines: string[] = [];
  for (const group of groups(runs)) {
    lines.push('', `${colours.bold(plain(group.model))} ${colours.dim(`· suite ${plain(group.suite)}`)}`);
    lines.push(...groupLines(group.runs, width, colours, ids));
  }
  lines.push('', colours.dim(LEGEND));
  for (const sentence of failures(runs)) lines.push(`${colours.red('✗')} ${sentence}`);
  for (const { name, meaning } of flagMeanings(runs)) lines.push(`${colours.yellow(name)}: ${meaning}`);
  return `${lines.slice(1).join('\n')}\n`;
}

function groupLines(runs: readonly RunSummary[], width: number, colours: Colours, ids: boolean): string[] {
  const columns = [...(ids ? [ID] : []), ...filledColumns(runs)].map((column) => gridColumn(column, runs, colours));
  const result = columns.pop() as GridColumn; // the last of COLUMNS: every run has a result
  const { kept, gone } = fit([...columns, ...bars(runs, colours), result], width);
  if ((runs.length === 1 && !ids) || gridWidth(kept) > width) return runs.flatMap((run) => ['', ...card(run, width, colours)]);
  const hidden = gone.filter((title) => !['range', ''].includes(title));
  return ['', ...gridLines(kept, colours.dim), ...(hidden.length > 0 ? [colours.dim(`A wider terminal also shows: ${hidden.join(', ')}.`)] : [])];
}

function gridColumn(column: Column, runs: readonly RunSummary[], colours: Colours): GridColumn {
  const { title, align, rank, tone } = column;
  return {
    ...{ title, align, rank },
    cells: runs.map((run) => column.cell(run)),
    style: (padded, row) => {
      const run = runs[row] as RunSummary;
      if (tone === 'result') return resultColour(run, colours)(padded);
      if (!isValid(run)) return colours.dim(padded);
      return tone === 'strong' ? colours.bold(padded) : tone === 'faint' ? colours.dim(padded) : padded;
    },
  };
}

const BAR = 12;

/** Decode rates side by side from zero, where there are at least two to compare: eighths of a character. */
function bars(runs: readonly RunSummary[], colours: Colours): GridColumn[] {
  const rates = runs.map((run) => (isReal(run) ? (run.metrics.decode_rate?.median ?? 0) : 0));
  const most = Math.max(...rates);
  if (rates.filter((rate) => rate > 0).length < 2 || !Number.isFinite(most)) return [];
  const cells = rates.map((rate) => {
    const eighths = Math.round((8 * BAR * Math.max(0, rate)) / most);
    return '█'.repeat(Math.floor(eighths / 8)) + ' ▏▎▍▌▋▊▉'.charAt(eighths % 8).trim();
  });
  return [
    { title: '', align: 'left', rank: 9, cells, style: (padded, row) => (isValid(runs[row] as RunSummary) ? colours.cyan : colours.dim)(padded) },
  ];
}
