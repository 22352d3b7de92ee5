import { plain } from '../core/plain.ts';
import type { RunSummary } from '../core/run.ts';
import { filledColumns, groups } from './columns.ts';
import type { Material } from './material.ts';
import { failures, flagMeanings, LEGEND, LISTED, newestOnly } from './notes.ts';

/** A section for each model and suite with its table of runs; then what failed and what the flags mean; then the builds. The picture is another file. */
export function markdown({ runs, picture }: Pick<Material, 'runs' | 'picture'>): string {
  const parts = ['# fleet report', runs.length === 0 ? 'No runs.' : LEGEND];
  if (picture !== null)
    parts.push(`![Decode rate by device](${encodeURIComponent(picture).replace(/[()]/g, (found) => (found === '(' ? '%28' : '%29'))})`);
  const cut = newestOnly(runs.length);
  if (cut) parts.push(cut);
  for (const group of groups(runs.slice(0, LISTED))) {
    parts.push(`## ${escaped(group.model)}, suite ${escaped(group.suite)}`, runTable(group.runs));
  }
  const failed = failures(runs).map((sentence) => `- ${escaped(sentence)}`);
  if (failed.length > 0) parts.push('## Did not end well', failed.join('\n'));
  const meanings = flagMeanings(runs).map(({ name, meaning }) => `- **${name}**: ${escaped(meaning)}`);
  if (meanings.length > 0) parts.push('## Flags', meanings.join('\n'));
  if (runs.length > 0) parts.push('## Builds', buildTable(runs));
  return `${parts.join('\n\n')}\n`;
}

function runTable(runs: readonly RunSummary[]): string {
  const columns = filledColumns(runs);
  return markdownTable(
    columns.map(({ title }) => title),
    columns.map(({ align }) => align),
    runs.map((run) => columns.map((column) => column.cell(run))),
  );
}

function buildTable(runs: readonly RunSummary[]): string {
  const rows = new Map(
    runs
      .filter(({ build }) => build.sha256 !== '')
      .map(({ toolchain, build }) => [
        JSON.stringify([toolchain, build]),
        [toolchain, build.compiler, build.target, build.flags, build.sha256.slice(0, 12)],
      ]),
  );
  const titles = ['toolchain', 'compiler', 'target', 'flags', 'sha256'];
  return markdownTable(
    titles,
    titles.map(() => 'left' as const),
    [...rows.values()],
  );
}

/** A table of text of any origin. */
export function markdownTable(titles: readonly string[], aligns: readonly ('left' | 'right')[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escaped).join(' | ')} |`;
  const rule = `| ${aligns.map((align) => (align === 'right' ? '--:' : ':--')).join(' | ')} |`;
  return [line(titles), rule, ...rows.map(line)].join('\n');
}

/** Text of any origin as text: nothing in it is Markdown, HTML, a link or the end of a cell. */
export function escaped(text: string): string {
  return plain(text)
    .replace(/[\\`*_{}[\]#~|!$]/g, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/:(?=\/\/)/g, '&#58;') // renderers make links of bare addresses
    .replace(/(?<=www)\./gi, '&#46;');
}
