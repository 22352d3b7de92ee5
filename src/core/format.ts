/** What stands where a value is unknown. */
export const ABSENT = '–';

/** Three significant digits, and no exponent where people would not write one: 0.0123, 1.23, 12.3, 123, 1234. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return ABSENT;
  const size = Math.abs(value);
  if (size >= 1e15 || (size > 0 && size < 1e-6)) return value.toExponential(2);
  if (size >= 100) return value.toFixed(0);
  if (size >= 1 || size === 0) return value.toPrecision(3).replace(/^(-?)0\.00$/, '0');
  return value.toFixed(Math.min(100, 2 - Math.floor(Math.log10(size))));
}

const DECIMAL: readonly (readonly [factor: number, prefix: string])[] = [
  [1e15, 'P'],
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];
const SMALL: readonly (readonly [factor: number, prefix: string])[] = [
  [1, ''],
  [1e-3, 'm'],
  [1e-6, 'µ'],
  [1e-9, 'n'],
];

/** Which prefixes a base unit takes. Bytes are decimal: 1 MB = 1,000,000 B, as disks and GB/s count. */
const PREFIXES: Record<string, readonly (readonly [number, string])[]> = { B: DECIMAL, 'B/s': DECIMAL, Hz: DECIMAL, s: SMALL, J: SMALL, W: SMALL };

/** A value in its base unit, for people: quantity(0.0571, 's') is "57.1 ms", quantity(1.19e9, 'B') "1.19 GB", null "–". */
export function quantity(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return ABSENT;
  if (unit === 'count') return String(Math.round(value));
  if (unit === 'ratio') return `${(value * 100).toFixed(2)} %`;
  if (unit === 'degC') return `${value.toFixed(1)} °C`;
  const rows = PREFIXES[unit];
  if (!rows) return `${number(value)} ${unit}`.trimEnd();
  const rounded = Number(value.toPrecision(3)); // 999.6 ms is 1.00 s, not 1000 ms
  const [factor, prefix] = rows.find(([size]) => Math.abs(rounded) >= size) ?? (rows === SMALL && rounded !== 0 ? [1e-9, 'n'] : [1, '']);
  return `${number(rounded / factor)} ${prefix}${unit}`;
}

/** A change for people, 0.032 as "+3.2 %"; "?" where it is not known. */
export function percent(change: number | null): string {
  if (change === null) return '?';
  return `${change < 0 ? '−' : '+'}${(100 * Math.abs(change)).toFixed(1)} %`;
}

/** "1 run", "3 runs". */
export function plural(n: number, one: string): string {
  return `${n} ${one}${n === 1 ? '' : 's'}`;
}

/** A length of time for people: "45 s", "4 min 5 s", "2 h 10 min". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return ABSENT;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
