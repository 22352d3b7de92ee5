import { ABSENT, duration as inWords, number, quantity } from '../src/core/format.ts';
import { type MetricName, metric } from '../src/core/metric.ts';

/** Formats of the reader's locale by their options: making one takes longer than a thousand uses of it. */
const formats = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function inNumbers(value: number, options: Intl.NumberFormatOptions = {}): string {
  return kept(`n${JSON.stringify(options)}`, () => new Intl.NumberFormat(undefined, options)).format(value);
}

/** A device's clock may say anything. */
function inDates(ms: number, options: Intl.DateTimeFormatOptions): string {
  if (Number.isNaN(new Date(ms).getTime())) return ABSENT;
  return kept(`d${JSON.stringify(options)}`, () => new Intl.DateTimeFormat(undefined, options)).format(ms);
}

function kept<Format extends Intl.NumberFormat | Intl.DateTimeFormat>(key: string, make: () => Format): Format {
  const known = formats.get(key) ?? make();
  formats.set(key, known);
  return known as Format;
}

/** The rounding of core/format.ts, written as the reader's locale writes numbers: "57,1 ms" in German. */
export function amount(value: number | null | undefined, unit: string): string {
  return localised(quantity(value, unit));
}

/** A bare number with three significant digits. */
export function figure(value: number | null | undefined): string {
  return localised(number(value ?? Number.NaN));
}

/** A value of a metric with its unit. */
export function measured(value: number | null | undefined, name: MetricName): string {
  return amount(value, metric(name).unit);
}

/** Lowest to highest of a metric, the unit once where it is the same: "101 – 280 ms"; one value where both read the same. */
export function range(low: number, high: number, name: MetricName): string {
  const [from, to] = [measured(low, name), measured(high, name)];
  if (from === to) return from;
  const unit = / .*$/.exec(to)?.[0] ?? '';
  return `${unit !== '' && from.endsWith(unit) ? from.slice(0, -unit.length) : from} – ${to}`;
}

/** A value beside an axis: no more digits than it needs. */
export function tick(value: string | number): string {
  return inNumbers(Number(value), { maximumSignificantDigits: 4 });
}

/** A share as percent with its sign: "+3.2 %"; below 10 % with one more digit than above. */
export function percent(share: number | null): string {
  if (share === null || !Number.isFinite(share)) return '–';
  const digits = Math.abs(share) < 0.1 ? 1 : 0;
  return `${inNumbers(share * 100, { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: 'exceptZero' })} %`;
}

/** Day and month; the year where it is another than now. */
export function day(ms: number, now = new Date()): string {
  const year = new Date(ms).getFullYear() === now.getFullYear() ? undefined : ('numeric' as const);
  return inDates(ms, { day: 'numeric', month: 'short', year });
}

/** Hours and minutes. */
export function clock(ms: number): string {
  return inDates(ms, { hour: '2-digit', minute: '2-digit' });
}

/** Seconds as "45 s", "4 min 5 s". */
export function duration(seconds: number): string {
  return localised(inWords(seconds));
}

/** A whole number. */
export function count(value: number): string {
  return inNumbers(value);
}

/** "1 run", "1,234 runs". */
export function plural(n: number, one: string): string {
  return `${count(n)} ${one}${n === 1 ? '' : 's'}`;
}

/** "4 threads"; of a device that was never reached nobody knows how many. */
export function threadsOf({ threads }: { threads: number }): string {
  return threads > 0 ? plural(threads, 'thread') : 'threads unknown';
}

export function dateAndTime(ms: number): string {
  return inDates(ms, { dateStyle: 'medium', timeStyle: 'short' });
}

/** "just now", "5 min ago", then date and time. */
export function ago(ms: number, now = Date.now()): string {
  const minutes = Math.floor((now - ms) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return dateAndTime(ms);
}

function localised(text: string): string {
  return text.replace(/^-?\d+(\.\d+)?(?![\d.]*e)/, (found) => {
    const digits = found.split('.')[1]?.length ?? 0;
    return inNumbers(Number(found), { minimumFractionDigits: digits, maximumFractionDigits: digits });
  });
}
