import { number } from '../../core/format.ts';

/** A straight scale from values to places, with round ticks. */
export interface Scale {
  at(value: number): number;
  ticks: { at: number; label: string }[];
  /** Of the axis: the unit with the prefix that the labels are in. */
  unit: string;
  /** A value as the labels are written, without the unit. */
  label(value: number): string;
}

const PREFIXES: Record<string, readonly (readonly [number, string])[]> = {
  s: [
    [1, ''],
    [1e-3, 'm'],
    [1e-6, 'µ'],
  ],
  J: [
    [1, ''],
    [1e-3, 'm'],
  ],
  W: [
    [1, ''],
    [1e-3, 'm'],
  ],
  B: [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
    [1, ''],
  ],
  'B/s': [
    [1e9, 'G'],
    [1e6, 'M'],
    [1, ''],
  ],
  Hz: [
    [1e9, 'G'],
    [1e6, 'M'],
    [1, ''],
  ],
};

/** From `low` to `high` in the unit, drawn from place `begin` to place `end`. About five ticks. */
export function scale(low: number, high: number, unit: string, begin: number, end: number): Scale {
  const top = high > low ? high : low + Math.abs(low || 1);
  const [by, prefix] = (PREFIXES[unit] ?? []).find(([size]) => Math.abs(top) >= size) ?? [
    PREFIXES[unit]?.at(-1)?.[0] ?? 1,
    PREFIXES[unit]?.at(-1)?.[1] ?? '',
  ];
  const step = round((top - low) / by / 5) * by;
  const at = (value: number) => begin + ((value - low) / (top - low)) * (end - begin);
  const label = (value: number) => number(value / by);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.max(0, Math.floor(top / step + 1e-9) - first + 1);
  const ticks = Array.from({ length: Math.min(count, 20) }, (_, i) => ({ at: at((first + i) * step), label: short((first + i) * (step / by)) }));
  return { at, ticks, unit: unit === 'degC' ? '°C' : unit === 'count' ? '' : unit === 'ratio' ? '' : `${prefix}${unit}`, label };
}

/** The next of 1, 2, 2.5, 5 times a power of ten. */
function round(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  return power * ([1, 2, 2.5, 5].find((digit) => digit * power >= step * 0.999) ?? 10);
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
