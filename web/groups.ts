import { type MetricName, metric } from '../src/core/metric.ts';
import type { Standing, StoredSetting } from '../src/core/setting.ts';
import type { Axis } from './state.ts';

/** What a setting gave in one metric. */
export interface Setting extends Standing, Pick<StoredSetting, 'device' | 'toolchain' | 'threads' | 'model' | 'suite' | 'valid'> {}

/** Those of the settings that have the metric. */
export function settingsOf(settings: readonly StoredSetting[], name: MetricName): Setting[] {
  return settings.flatMap(({ device, toolchain, threads, model, suite, valid, metrics }) => {
    const found = metrics[name];
    return found ? [{ ...found, device, toolchain, threads, model, suite, valid }] : [];
  });
}

/** The better of two settings: a valid one before one that is not, then by the direction of the metric. */
function better<Of extends Setting>(a: Of, b: Of, name: MetricName): Of {
  if (a.valid !== b.valid) return a.valid ? a : b;
  return metric(name).better === 'lower' ? (b.value < a.value ? b : a) : b.value > a.value ? b : a;
}

/** The best setting of each device, best first. */
export function bestByDevice(settings: readonly Setting[], name: MetricName): Setting[] {
  const { categories, cell } = bars(settings, 'device', () => '', name);
  return categories.map((device) => cell(device, '') as Setting);
}

/** What tells the bars of one group apart. */
export function seriesOf(axis: Axis): Exclude<Axis, 'threads'> {
  return axis === 'device' ? 'toolchain' : 'device';
}

export interface Bars {
  /** Groups along the axis: devices best first, the others by their own order. */
  categories: string[];
  /** Names of the bars in a group. */
  series: string[];
  /** The best setting of a bar. */
  cell(category: string, series: string): Setting | undefined;
}

/** One bar a category and series: the best setting among those that fall together. */
export function bars(settings: readonly Setting[], axis: Axis, series: (setting: Setting) => string, name: MetricName): Bars {
  const cells = new Map<string, Setting>();
  const tops = new Map<string, Setting>();
  const names = new Set<string>();
  for (const setting of settings) {
    const category = String(setting[axis]);
    const key = JSON.stringify([category, series(setting)]);
    cells.set(key, better(cells.get(key) ?? setting, setting, name));
    tops.set(category, better(tops.get(category) ?? setting, setting, name));
    names.add(series(setting));
  }
  const sign = metric(name).better === 'lower' ? 1 : -1;
  const top = (category: string) => (tops.get(category) as Setting).value;
  const categories = [...tops.keys()].sort((a, b) => {
    if (axis === 'device') return sign * (top(a) - top(b)) || a.localeCompare(b);
    return axis === 'threads' ? Number(a) - Number(b) : a.localeCompare(b);
  });
  return { categories, series: [...names].sort((a, b) => a.localeCompare(b)), cell: (category, of) => cells.get(JSON.stringify([category, of])) };
}

/** What is measured: only runs of the same model and suite may stand side by side. */
export interface Workload {
  model: string;
  suite: string;
  settings: StoredSetting[];
  runs: number;
}

/** The workloads of these settings, the one with a decode rate in the most settings first. */
export function workloads(settings: readonly StoredSetting[]): Workload[] {
  const found = new Map<string, Workload>();
  for (const setting of settings) {
    const { model, suite } = setting;
    const key = JSON.stringify([model, suite]);
    const workload = found.get(key) ?? { model, suite, settings: [], runs: 0 };
    found.set(key, workload);
    workload.settings.push(setting);
    workload.runs += Math.max(0, ...Object.values(setting.metrics).map(({ runs }) => runs));
  }
  const decodes = new Map([...found.values()].map((workload) => [workload, settingsOf(workload.settings, 'decode_rate').length]));
  const of = (workload: Workload) => decodes.get(workload) ?? 0;
  return [...found.values()].sort((a, b) => of(b) - of(a) || b.runs - a.runs || a.model.localeCompare(b.model));
}
