import type { BenchJob, BenchQueue, BenchRequest } from '../src/core/bench_job.ts';
import type { HistorySeries } from '../src/core/history.ts';
import type { JudgedRow } from '../src/core/judged.ts';
import type { MetricName } from '../src/core/metric.ts';
import type { Published } from '../src/core/published.ts';
import type { RunSummary } from '../src/core/run.ts';
import type { StoredQuality, StoredSetting } from '../src/core/setting.ts';
import type { ShownDevice } from '../src/core/shown_device.ts';
import type { RunDetail } from '../src/core/store.ts';
import type { Suite } from '../src/core/suite.ts';
import { COLUMN_METRICS } from './columns.ts';
import type { FilterName } from './state.ts';

/** Runs that the page holds at once. */
export const MOST_RUNS = 300;

/** Of a run only what a row of the table shows. */
const SHORT = { prompts: 'false', metrics: COLUMN_METRICS.join(',') };

/** The newest runs that fit these filters. */
export async function fetchRuns(filter: Partial<Record<FilterName, string>> = {}): Promise<RunSummary[]> {
  return (await get<{ runs: RunSummary[] }>(`api/runs?${query({ ...filter, ...SHORT, limit: String(MOST_RUNS) })}`)).runs;
}

/** Summaries of these runs, at most 100. */
export async function fetchSome(ids: readonly string[]): Promise<RunSummary[]> {
  return (await get<{ runs: RunSummary[] }>(`api/runs?${query({ ...SHORT, id: ids.join(',') })}`)).runs;
}

export function fetchRun(id: string): Promise<RunDetail> {
  return get(`api/runs/${encodeURIComponent(id)}`);
}

/** What settings gave in these metrics, whether there are more that were measured longer ago, and which metrics any setting has. */
export function fetchSettings(
  metrics: readonly MetricName[],
  filter: Record<string, string>,
): Promise<{ settings: StoredSetting[]; more: boolean; known: MetricName[] }> {
  return get(`api/settings?${query({ ...filter, metrics: metrics.join(',') })}`);
}

export async function fetchComparisons(): Promise<JudgedRow[]> {
  return (await get<{ comparisons: JudgedRow[] }>('api/compare?limit=100')).comparisons;
}

export async function fetchQuality(): Promise<StoredQuality[]> {
  return (await get<{ quality: StoredQuality[] }>('api/quality')).quality;
}

export async function fetchHistory(filter: Record<string, string>): Promise<HistorySeries[]> {
  return (await get<{ series: HistorySeries[] }>(`api/history?${query(filter)}`)).series;
}

export function fetchDevices(): Promise<{ devices: ShownDevice[]; problem: string | null }> {
  return get('api/devices');
}

export function fetchPublished(): Promise<Published> {
  return get('api/published');
}

export async function fetchSuites(): Promise<Suite[]> {
  return (await get<{ suites: Suite[] }>('api/suites')).suites;
}

export function fetchBenches(): Promise<BenchQueue> {
  return get('api/benches');
}

export function askBench(request: BenchRequest): Promise<BenchJob> {
  return get('api/benches', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(request) });
}

export function stopBench(id: string): Promise<BenchJob> {
  return get(`api/benches/${encodeURIComponent(id)}/stop`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' });
}

/** Without what is empty. */
function query(values: Record<string, string | undefined>): URLSearchParams {
  return new URLSearchParams(Object.entries(values).filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== ''));
}

/** JSON of an address of the API; throws an Error with the server's sentence. */
async function get<Answer>(address: string, options: RequestInit = {}): Promise<Answer> {
  const response = await fetch(address, options).catch(() => {
    throw new Error('The server does not answer: is `fleet serve` still running?');
  });
  const answer = (await response.json().catch(() => null)) as (Answer & { error?: string }) | null;
  if (answer === null) throw new Error(`The server answered something that is not JSON (status ${response.status}).`);
  if (!response.ok) throw new Error(answer.error ?? `The server answered with status ${response.status}.`);
  return answer;
}
