import type { RunSummary } from '../core/run.ts';
import { bars } from './charts/bars.ts';
import { groups } from './columns.ts';
import { bestBy, settingsOf } from './settings.ts';

/** One chart as a file of its own (SVG): decode by device, of the workload that most settings have. Null where no valid run has a rate. */
export function picture(runs: readonly RunSummary[]): { svg: string; about: string } | null {
  const [most] = groups(runs)
    .map((group) => ({ ...group, settings: settingsOf(group.runs, 'decode_rate').settings }))
    .sort((a, b) => b.settings.length - a.settings.length);
  if (!most || most.settings.length === 0) return null;
  const best = bestBy(most.settings, 'decode_rate', ({ device, toolchain }) => JSON.stringify([device, toolchain]));
  const order = bestBy(most.settings, 'decode_rate', ({ device }) => device).map(({ device }) => device);
  const rows = [...best].sort((a, b) => order.indexOf(a.device) - order.indexOf(b.device));
  return { svg: `${bars(rows, 'decode_rate').text}\n`, about: `Decode by device: ${most.model}, suite ${most.suite}` };
}
