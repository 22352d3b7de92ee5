import { FleetError } from '../core/errors.ts';

/** One token: a text in quotes, a number or a word, or a sign; blanks and comments are passed over. */
const TOKEN = /\s*(?:--[^\n]*\n\s*)*(?:'((?:[^']|'')*)'|([A-Za-z_][A-Za-z0-9_]*|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)|([(),;]))/iy;

interface Token {
  kind: 'text' | 'word' | 'sign';
  text: string;
}

/**
 * The rows that `llama-bench -o sql` writes: INSERT INTO test (columns) VALUES (values). The statements are read, never run: a stranger's
 * SQL could do anything. Whatever else stands there is a FleetError with its place.
 */
export function sqlRows(name: string, source: string): Record<string, string>[] {
  const rows: Record<string, string>[] = [];
  for (const statement of statements(name, source)) {
    const words = statement.filter(({ kind }) => kind === 'word').map(({ text }) => text.toUpperCase());
    if (words[0] === 'CREATE' && words[1] === 'TABLE') continue;
    if (words[0] !== 'INSERT' || words[1] !== 'INTO') throw fault(name, `a statement begins with ${words[0] ?? 'a sign'}`);
    const [columns, values] = listsOf(statement);
    if (!columns || columns.length !== values?.length) throw fault(name, `row ${rows.length + 1} has not one value a column`);
    rows.push(Object.fromEntries(columns.map((column, i) => [column, values[i] as string])));
  }
  return rows;
}

function statements(name: string, source: string): Token[][] {
  const found: Token[][] = [];
  let statement: Token[] = [];
  const text = source.trimEnd();
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const [, quoted, word, sign] = TOKEN.exec(text) ?? [];
    if (quoted === undefined && word === undefined && sign === undefined)
      throw fault(name, `line ${text.slice(0, at).split('\n').length} cannot be read: a text with a quote in it?`);
    if (sign === ';') {
      found.push(statement);
      statement = [];
    } else if (quoted !== undefined) statement.push({ kind: 'text', text: quoted.replaceAll("''", "'") });
    else if (word !== undefined) statement.push({ kind: 'word', text: word });
    else statement.push({ kind: 'sign', text: sign as string });
  }
  if (statement.length > 0) throw fault(name, 'its last statement is cut off');
  return found;
}

/** What stands within each pair of brackets. */
function listsOf(statement: readonly Token[]): string[][] {
  const lists: string[][] = [];
  let open = false;
  for (const { kind, text } of statement) {
    if (kind === 'sign' && text !== ',') {
      open = text === '(';
      if (open) lists.push([]);
    } else if (open && kind !== 'sign') lists.at(-1)?.push(text);
  }
  return lists;
}

function fault(name: string, what: string): FleetError {
  return new FleetError(`${name} is not what llama-bench -o sql writes: ${what}. Nothing was stored; export it as JSON with -o json.`);
}
