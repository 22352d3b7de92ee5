import { METRICS } from '../core/metric.ts';
import { plain } from '../core/plain.ts';
import type { RunSummary } from '../core/run.ts';
import { headline } from '../core/stats.ts';
import { isValid } from '../core/validity.ts';

type Cell = string | number | null;

/** The columns before the metrics. */
const CONDITIONS: readonly (readonly [name: string, cell: (run: RunSummary) => Cell])[] = [
  ['id', (run) => run.id],
  ['device', (run) => run.device],
  ['origin', (run) => run.origin ?? null],
  ['toolchain', (run) => run.toolchain],
  ['compiler', (run) => run.build.compiler],
  ['target', (run) => run.build.target],
  ['compiler_flags', (run) => run.build.flags],
  ['binary_sha256', (run) => run.build.sha256],
  ['model', (run) => run.model],
  ['suite', (run) => run.suite],
  ['threads', (run) => run.threads],
  ['status', (run) => run.status],
  ['valid', (run) => String(isValid(run))],
  ['flags', (run) => run.flags.join(' ')],
  ['message', (run) => run.message],
  ['started', (run) => stamp(run.started)],
  ['ended', (run) => stamp(run.ended)],
  ['power_source', (run) => powerOf(run)?.source ?? null],
  ['power_scope', (run) => powerOf(run)?.scope ?? null],
];

function powerOf({ metrics }: RunSummary) {
  return metrics.energy_per_token ?? metrics.power_mean ?? metrics.power_idle;
}

/**
 * RFC 4180, one line a run. Every metric has five columns, whether or not a run has it, so that files can be put together: the number that
 * stands for it, then _p95, _min, _max and _n, all in base units and unrounded. An absent value is an empty cell.
 */
export function csv(runs: readonly RunSummary[]): string {
  const header = [
    ...CONDITIONS.map(([name]) => name),
    ...METRICS.flatMap(({ name }) => [name, `${name}_p95`, `${name}_min`, `${name}_max`, `${name}_n`]),
  ];
  const rows = runs.map((run) => [
    ...CONDITIONS.map(([, cell]) => cell(run)),
    ...METRICS.flatMap(({ name }): Cell[] => {
      const found = run.metrics[name];
      return found ? [headline(name, found), found.p95, found.min, found.max, found.n] : [null, null, null, null, null];
    }),
  ]);
  return [header, ...rows].map((row) => `${row.map(cellText).join(',')}\r\n`).join('');
}

/** Spreadsheets take a text that begins like this for a formula, also behind blanks. */
const FORMULA = /^\s*[=+\-@＝＋－＠]/;

function cellText(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return String(cell);
  const text = plain(cell);
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",;]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** ISO 8601, or null for what is no time (a device's clock may say anything). */
function stamp(ms: number | null): string | null {
  if (ms === null || !Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return null;
  return new Date(ms).toISOString();
}
