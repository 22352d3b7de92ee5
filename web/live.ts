import type { RunProgress } from '../src/core/store.ts';

/** Follows the running benches of every process. `state` tells whether the line stands; the browser comes back to a lost one by itself. */
export function followLive(news: (runs: readonly RunProgress[]) => void, state: (up: boolean) => void): void {
  const source = new EventSource('api/live');
  source.addEventListener('open', () => state(true));
  source.addEventListener('error', () => state(false));
  source.addEventListener('runs', (event) => news((JSON.parse((event as MessageEvent<string>).data) as { runs: RunProgress[] }).runs));
}
