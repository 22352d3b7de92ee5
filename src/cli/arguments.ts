import { InvalidArgumentError } from 'commander';
import { METRIC_NAMES, type MetricName } from '../core/metric.ts';

/** "a,b" as a list without empty or repeated parts. */
export function list(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.some((part) => part === '')) throw new InvalidArgumentError('write names separated by commas.');
  return [...new Set(parts)];
}

/** A whole number from low to high. */
export function whole(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < low || value > high) throw new InvalidArgumentError(`write a whole number from ${low} to ${high}.`);
    return value;
  };
}

/** "1,2,4": whole numbers. */
export function wholes(low: number, high: number): (text: string) => number[] {
  return (text) => list(text).map(whole(low, high));
}

/** CPUs as taskset writes them: "0-3,6". */
export function cpuList(text: string): string {
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) throw new InvalidArgumentError('write CPUs like 0-3,6.');
  return text;
}

/** Names of metrics. */
export function metricList(text: string): MetricName[] {
  return list(text).map((name) => {
    if (!METRIC_NAMES.includes(name as MetricName)) throw new InvalidArgumentError(`metrics are ${METRIC_NAMES.join(', ')}.`);
    return name as MetricName;
  });
}
