import type { HistorySeries } from '../src/core/history.ts';
import type { JudgedRow } from '../src/core/judged.ts';
import type { MetricName } from '../src/core/metric.ts';
import type { Published } from '../src/core/published.ts';
import type { RunSummary } from '../src/core/run.ts';
import type { StoredQuality, StoredSetting } from '../src/core/setting.ts';
import type { ShownDevice } from '../src/core/shown_device.ts';
import type { RunDetail } from '../src/core/store.ts';
import type { Suite } from '../src/core/suite.ts';
import {
  fetchComparisons,
  fetchDevices,
  fetchHistory,
  fetchPublished,
  fetchQuality,
  fetchRuns,
  fetchSettings,
  fetchSuites,
  MOST_RUNS,
} from './api.ts';
import { FILTERED } from './pages.ts';
import { current, FILTERS, type State } from './state.ts';

const UNFILTERED = JSON.stringify({});

/** What the page knows. Everything is fetched when something drawn needs it, and once more when runs have ended. */
export const data = {
  runs: [] as RunSummary[],
  /** The filters that `runs` was asked for with. */
  runsOf: '',
  devices: [] as ShownDevice[],
  settings: new Map<number, StoredSetting>(),
  /** The filters that the settings were asked for with, and whether without any there are more than one answer holds. */
  settingsOf: UNFILTERED,
  partial: false,
  /** There are more of these, measured longer ago. */
  cut: false,
  /** Metrics that the settings hold. */
  metrics: new Set<MetricName>(),
  /** Metrics that any setting has. */
  known: [] as MetricName[],
  quality: null as StoredQuality[] | null,
  judged: null as JudgedRow[] | null,
  suites: null as Suite[] | null,
  published: null as Published | null,
  /** The answer for one set of conditions, or why there is none. */
  history: { of: '', series: [] as HistorySeries[] | string },
  detail: null as RunDetail | null,
  problem: null as string | null,
};

/** Metrics that each page draws. */
function wanted({ page, left, right, metric, x, y, size }: State): MetricName[] {
  switch (page) {
    case 'overview':
      return ['decode_rate', 'energy_per_token', left, right];
    case 'compare':
    case 'trends':
      return ['decode_rate', metric];
    case 'pareto':
      return ['decode_rate', x, y, ...(size ? [size] : [])];
    case 'roofline':
      return ['decode_rate', 'prefill_rate', 'bytes_per_token', 'read_bandwidth'];
    case 'published':
      return ['decode_rate', 'prefill_rate'];
    default:
      return ['decode_rate'];
  }
}

/** Fetches what the address needs and is not there yet. False where all was there. `early` is called as soon as the settings have come. */
export async function need(early?: () => void): Promise<boolean> {
  const state = current();
  const work: Promise<unknown>[] = [];
  const of = settingsFor(state);
  if (of !== data.settingsOf) {
    data.settings = new Map();
    data.metrics.clear();
    data.settingsOf = of;
  }
  const missing = [...new Set(wanted(state))].filter((name) => !data.metrics.has(name));
  if (missing.length > 0) work.push(needSettings(missing).then(early));
  if (state.page === 'overview' && state.run === '') work.push(...needRuns(state));
  if (state.page === 'compare' && !data.judged) work.push(put('judged', fetchComparisons()));
  if (state.page === 'pareto' && !data.quality) work.push(put('quality', fetchQuality()));
  if (state.page === 'suites' && !data.suites) work.push(put('suites', fetchSuites()));
  if (state.page === 'published' && !data.published) work.push(put('published', fetchPublished()));
  if (state.page === 'trends') work.push(...needHistory(state));
  await Promise.all(work);
  if (settingsFor(current()) !== data.settingsOf) await need(); // now that it is known to be too many
  return work.length > 0;
}

async function put<Name extends keyof typeof data>(name: Name, coming: Promise<(typeof data)[Name]>): Promise<void> {
  data[name] = await coming;
}

/** What the settings of a page are asked for with. */
function settingsFor(state: State): string {
  return data.partial && FILTERED.includes(state.page) ? filterOf(state) : UNFILTERED;
}

/** What the settings are narrowed by where there are too many; with a filter also to those that charts show. */
function filterOf(state: State): string {
  const given = (['device', 'toolchain', 'model', 'suite', 'threads'] as const).filter((name) => state[name] !== '');
  const valid = given.length > 0 && !state.invalid ? { valid: 'true' } : {};
  return JSON.stringify({ ...Object.fromEntries(given.map((name) => [name, state[name]])), ...valid });
}

async function needSettings(missing: readonly MetricName[]): Promise<void> {
  const of = data.settingsOf;
  const { settings, known, more } = await fetchSettings(missing, JSON.parse(of) as Record<string, string>);
  if (of !== data.settingsOf) return; // another filter was chosen meanwhile
  if (of === UNFILTERED) data.partial = more;
  data.cut = more;
  for (const setting of settings) {
    const before = data.settings.get(setting.id);
    data.settings.set(setting.id, { ...setting, metrics: { ...before?.metrics, ...setting.metrics } });
  }
  for (const name of missing) data.metrics.add(name);
  data.known = known;
}

/** Where all runs that fit are here already, nothing is asked for: the page filters them itself. */
function needRuns(state: State): Promise<void>[] {
  const filter = Object.fromEntries(FILTERS.map((name) => [name, state[name]]));
  const of = JSON.stringify(filter);
  const all = JSON.stringify(Object.fromEntries(FILTERS.map((name) => [name, ''])));
  if (data.runsOf === of || (data.runsOf === all && data.runs.length < MOST_RUNS)) return [];
  return [
    fetchRuns(filter).then((runs) => {
      data.runs = runs;
      data.runsOf = of;
    }),
  ];
}

function needHistory({ metric, device, toolchain, model, suite, threads }: State): Promise<void>[] {
  const filter = { metric, device, toolchain, model, suite, threads };
  const of = JSON.stringify(filter);
  if (data.history.of === of) return [];
  return [
    put(
      'history',
      fetchHistory(filter).then(
        (series) => ({ of, series }),
        (error: Error) => ({ of, series: error.message }),
      ),
    ),
  ];
}

/** Devices, and the figures that have been drawn: after runs have ended. */
export async function fetchAgain(): Promise<void> {
  const metrics = [...data.metrics];
  const [found] = await Promise.all([
    metrics.length > 0 ? fetchSettings(metrics, JSON.parse(data.settingsOf) as Record<string, string>) : null,
    needDevices(),
  ]);
  if (found) {
    data.settings = new Map(found.settings.map((setting) => [setting.id, setting]));
    data.known = found.known;
    data.cut = found.more;
  }
  data.judged = null;
  data.quality = null;
  data.history = { of: '', series: [] };
}

export async function needDevices(): Promise<void> {
  const { devices, problem } = await fetchDevices();
  data.devices = devices;
  data.problem = problem;
}
