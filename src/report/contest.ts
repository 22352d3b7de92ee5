import { type Agreement, type Contest, type Entrant, implausible, type Memory, type Standing } from '../core/contest.ts';
import { ABSENT, number, plural, quantity } from '../core/format.ts';
import { plain } from '../core/plain.ts';
import type { MetricSummary } from '../core/run.ts';
import { type Colours, colours as coloursOf } from './colour.ts';
import { type GridColumn, gridLines } from './grid.ts';

/** What `npm run bench:engine` ends with: a table a model, then what was compared. Ends with a newline. */
export function contestText(contests: readonly Contest[], memory: Memory, { colour = false } = {}): string {
  const colours = coloursOf(colour);
  const lines = contests.flatMap((contest) => ['', colours.bold(plain(contest.model)), '', ...contestLines(contest, memory, colours)]);
  const reading = memory.rates.map(rateText).join('; ');
  lines.push('', `Reading memory: ${reading || 'not measured'}.`, ...LEGEND);
  return `${lines.slice(1).join('\n')}\n`;
}

/** "31.2 GB/s with 2 threads (30.1 GB/s–32 GB/s in 5 readings)". */
function rateText({ threads, rate, min, max, n }: Memory['rates'][number]): string {
  const range = n > 1 ? ` (${quantity(min, 'B/s')}–${quantity(max, 'B/s')} in ${n} readings)` : '';
  return `${quantity(rate, 'B/s')} with ${plural(threads, 'thread')}${range}`;
}

const LEGEND = [
  'Medians, lowest and highest of the rounds; ratios are taken within a round, and above 1 ours is faster. tg: tokens/s of decode from an empty',
  'context; pp: of prefill; start: seconds to load and make two tokens. Peak RSS counts mapped files. Each figure is a launch of its own.',
  'of memory: bytes read for a token times the rate, beside what reading memory gave just before that round; the median of the rounds.',
  'others: the most that other programs took of the CPUs meanwhile; where that is much, the figures are worth little.',
];

function contestLines({ standings, entrants }: Contest, memory: Memory, colours: Colours): string[] {
  const ours = entrants.filter(({ rival }) => !rival).map(({ name }) => name);
  const column = (title: string, cell: (standing: Standing) => string, style?: GridColumn['style']): GridColumn => ({
    ...{ title, rank: 0, style, cells: standings.map(cell) },
    align: ['case', 'engine', 'outputs'].includes(title) ? 'left' : 'right',
  });
  const entrantOf = ({ engine }: Standing): Entrant | undefined => entrants.find(({ name }) => name === engine);
  const columns = [
    column('case', ({ case: test }) => test.id),
    column('engine', ({ engine }) => plain(engine)),
    column('median', ({ summary }) => number(summary?.median ?? Number.NaN), colours.bold),
    column('range', ({ summary }) => range(summary), colours.dim),
    column('rounds', ({ summary }) => String(summary?.n ?? 0)),
    ...ours.map((name) => column(`${plain(name)} ÷ it`, ({ ratios }) => ratio(ratios[name]))),
    column('peak RSS', ({ peak_rss }) => quantity(peak_rss, 'B')),
    column('others', ({ others }) => (others === null ? ABSENT : `${Math.round(100 * others)} %`)),
    column('bytes/token', ({ bytes_per_token }) => quantity(bytes_per_token, 'B')),
    column('of memory', ({ bandwidth_share }) => (bandwidth_share === null ? ABSENT : `${Math.round(100 * bandwidth_share)} %`)),
    column('outputs', (standing) => (standing.rival ? outputs(entrantOf(standing)?.outputs) : '')),
  ];
  const lines = gridLines(columns, colours.dim);
  for (const standing of standings) {
    const { failure, engine, case: test } = standing;
    if (failure) lines.push(colours.red(`✗ ${plain(engine)}, ${test.id}: ${plain(failure)}`));
    const odd = implausible(standing, entrantOf(standing)?.model_bytes ?? null, memory);
    if (odd) lines.push(colours.yellow(`! ${plain(engine)}, ${test.id}: ${odd}`));
  }
  return [...lines, '', ...entrants.map((entrant) => identity(entrant))];
}

function range(summary: MetricSummary | null): string {
  return summary && summary.n > 1 ? `${number(summary.min)}–${number(summary.max)}` : ABSENT;
}

/** "2.31 (2.25–2.40)": median and range; nothing for ourselves. */
function ratio(summary: MetricSummary | null | undefined): string {
  if (summary === undefined) return '';
  if (summary === null) return ABSENT;
  return summary.n > 1 ? `${number(summary.median)} (${number(summary.min)}–${number(summary.max)})` : number(summary.median);
}

function outputs(agreement: Agreement | undefined): string {
  if (agreement?.verdict === 'failed') return 'FAILED to tell';
  if (!agreement || agreement.verdict === 'not checked' || agreement.rms === null || agreement.max === null) return 'not checked';
  const { verdict, rms, max, greedy } = agreement;
  const same = greedy ? `, ${greedy[0]} of ${greedy[1]} greedy` : '';
  return `${verdict === 'equal' ? 'equal' : 'DIFFER'}: rms ${number(rms)}, max|d| ${number(max)}${same}`;
}

function identity({ name, file, file_sha256, version, compiler, code }: Entrant): string {
  const parts = code.map((part) => `${nameOf(part.file)} ${part.sha256.slice(0, 12)}`);
  const told = [version ?? 'version not told', compiler ?? 'compiler not told', ...parts].join(', ');
  return `${plain(name)}: ${plain(told)}; reads ${plain(nameOf(file))} ${file_sha256.slice(0, 12)}`;
}

function nameOf(path: string): string {
  return path.split('/').at(-1) ?? path;
}
