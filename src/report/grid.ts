/** A column of aligned text. Its cells are padded first and styled after, so that colours count nothing. */
export interface GridColumn {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** 0 stays; of the others the highest goes first where the width is too small. */
  readonly rank: number;
  readonly cells: readonly string[];
  style?(padded: string, row: number): string;
}

const GAP = 2;

/** The columns that fit into so many characters, and the titles of those that had to go. Columns of rank 0 stay even where they do not fit. */
export function fit(columns: readonly GridColumn[], width: number): { kept: GridColumn[]; gone: string[] } {
  const kept = [...columns];
  const gone: string[] = [];
  while (gridWidth(kept) > width) {
    const last = Math.max(...kept.map(({ rank }) => rank));
    if (last <= 0) break;
    gone.unshift(...kept.filter(({ rank }) => rank === last).map(({ title }) => title));
    kept.splice(0, kept.length, ...kept.filter(({ rank }) => rank !== last));
  }
  return { kept, gone };
}

/** Characters in a line of these columns. */
export function gridWidth(columns: readonly GridColumn[]): number {
  return columns.reduce((sum, column) => sum + columnWidth(column) + GAP, -GAP);
}

/** A line of titles, then a line a row; nothing stands after the last character of a line. */
export function gridLines(columns: readonly GridColumn[], styleTitle: (text: string) => string): string[] {
  const rows = Math.max(0, ...columns.map(({ cells }) => cells.length));
  const line = (text: (column: GridColumn) => string, style: (column: GridColumn, padded: string) => string) =>
    columns
      .map((column, i) => style(column, pad(text(column), column, i === columns.length - 1)))
      .join(' '.repeat(GAP))
      .trimEnd();
  return [
    line(
      ({ title }) => title,
      (_, padded) => styleTitle(padded),
    ),
    ...Array.from({ length: rows }, (_, row) =>
      line(
        ({ cells }) => cells[row] ?? '',
        (column, padded) => column.style?.(padded, row) ?? padded,
      ),
    ),
  ];
}

function columnWidth({ title, cells }: GridColumn): number {
  return Math.max(...[title, ...cells].map(textWidth));
}

function pad(text: string, column: GridColumn, last: boolean): string {
  const blanks = ' '.repeat(columnWidth(column) - textWidth(text));
  if (column.align === 'right') return blanks + text;
  return last ? text : text + blanks;
}

/** Places a text takes in a terminal: marks none, wide East Asian characters and pictures two. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue;
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(character)
      ? 2
      : 1;
  }
  return width;
}
