import type { Published } from '../src/core/published.ts';
import type { RunSummary } from '../src/core/run.ts';
import type { RunDetail, StoredDevice } from '../src/core/store.ts';

/** Runs that the page holds at once. */
export const MOST_RUNS = 1000;

export async function fetchRuns(): Promise<RunSummary[]> {
  return (await get<{ runs: RunSummary[] }>(`api/runs?prompts=false&limit=${MOST_RUNS}`)).runs;
}

/** Summaries of these runs, at most 100. */
export async function fetchSome(ids: readonly string[]): Promise<RunSummary[]> {
  return (await get<{ runs: RunSummary[] }>(`api/runs?prompts=false&id=${ids.map(encodeURIComponent).join(',')}`)).runs;
}

export function fetchRun(id: string): Promise<RunDetail> {
  return get(`api/runs/${encodeURIComponent(id)}`);
}

export function fetchDevices(): Promise<{ devices: StoredDevice[]; problem: string | null }> {
  return get('api/devices');
}

export function fetchPublished(): Promise<Published> {
  return get('api/published');
}

/** JSON of an address of the API; throws an Error with the server's sentence. */
async function get<Answer>(address: string): Promise<Answer> {
  const response = await fetch(address).catch(() => {
    throw new Error('The server does not answer: is `fleet serve` still running?');
  });
  const answer = (await response.json().catch(() => null)) as (Answer & { error?: string }) | null;
  if (answer === null) throw new Error(`The server answered something that is not JSON (status ${response.status}).`);
  if (!response.ok) throw new Error(answer.error ?? `The server answered with status ${response.status}.`);
  return answer;
}
