import { percent, plural, quantity } from '../core/format.ts';
import type { HistoryChange, HistoryEpoch, HistorySeries } from '../core/history.ts';
import { metric } from '../core/metric.ts';
import { clip, plain } from '../core/plain.ts';
import { type Colours, colours as coloursOf } from './colour.ts';

const BARS = [...'▁▂▃▄▅▆▇█'];
/** Newest values of an epoch that are drawn. */
const DRAWN = 40;

/** What `fleet history` tells: each series with its epochs, what began them, and the change points within. Ends with a newline. */
export function historyText(series: readonly HistorySeries[], { width = 100, colour = false } = {}): string {
  if (series.length === 0) return 'No valid runs: fleet bench makes one.\n';
  const colours = coloursOf(colour);
  const unconfirmed = series.some(({ epochs }) => epochs.some(({ changes }) => changes.some(({ status, last }) => last && status === 'unconfirmed')));
  const lines = series.flatMap((one) => [...seriesLines(one, width, colours), '']);
  if (unconfirmed) lines.push('A change point is no finding until it is confirmed: fleet history --confirm measures once more.');
  return `${lines.join('\n').trimEnd()}\n`;
}

function seriesLines(series: HistorySeries, width: number, colours: Colours): string[] {
  const { device, model, suite, threads, build, scope } = series;
  const where = [device, model, `suite ${suite}`, plural(threads, 'thread'), build, ...(scope ? [scope] : [])].map(plain);
  return [
    `${colours.bold(metric(series.metric).title)} ${colours.dim(clip(`· ${where.join(' · ')}`, width - 12))}`,
    ...series.epochs.flatMap((epoch) => epochLines(epoch, series, width, colours)),
  ];
}

function epochLines(epoch: HistoryEpoch, { unit }: HistorySeries, width: number, colours: Colours): string[] {
  const { started, ended, runs, median, causes, points, changes } = epoch;
  const days = day(started) === day(ended) ? day(started) : `${day(started)} to ${day(ended)}`;
  const drawn = sparkline(points.slice(-DRAWN).map(({ value }) => value));
  return [
    `  ${days}  ${plural(runs, 'run')}  ${quantity(median, unit)}  ${colours.cyan(drawn)}`,
    ...causes.map(({ cause, from, to }) =>
      colours.dim(clip(`    began with another ${cause}: ${plain(short(to))}, before ${plain(short(from))}`, width)),
    ),
    ...changes.map((change) => `    ${changeText(change, unit, colours)}`),
  ];
}

function changeText({ run, started, before, after, change, verdict, p, status, rerun, last }: HistoryChange, unit: string, colours: Colours): string {
  const tone = status === 'passed' ? colours.dim : verdict === 'slower' ? colours.red : verdict === 'faster' ? colours.green : colours.bold;
  const seen = {
    unconfirmed: last ? 'not confirmed yet' : 'never confirmed',
    confirmed: `confirmed by ${rerun}`,
    passed: `it passed: ${rerun} is as before`,
  }[status];
  return `${day(started)}  ${tone(`${verdict} ${percent(change)}`)}  ${quantity(before, unit)} to ${quantity(after, unit)} from run ${plain(run)} on, p ${p.toFixed(3)}; ${seen}`;
}

function sparkline(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const top = BARS.length - 1;
  return values.length < 2 ? '' : values.map((value) => BARS[high === low ? 0 : Math.round((top * (value - low)) / (high - low))]).join('');
}

function short(value: string | null): string {
  if (value === null) return 'unknown';
  return /^[0-9a-f]{64}$/.test(value) ? value.slice(0, 12) : clip(value, 60);
}

/** A device's clock may say anything. */
function day(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString().slice(0, 10) : 'no date';
}
