import { THERMAL_STATUS } from '../../agents/sensors/dumpsys.ts';
import { number, quantity } from '../core/format.ts';
import { plain } from '../core/plain.ts';
import { SCOPES } from '../core/scope.ts';
import { grid } from './grid.ts';
import type { PowerReading } from './power_reading.ts';

/** What `fleet power` prints. */
export function describePower({ device, lab, sources, gauges, state, problems }: PowerReading): string {
  const parts: string[] = [];
  if (lab !== null) parts.push(`The sensors of ${plain(device)} are played by ${plain(lab)}: nothing here is measured.\n`);
  if (sources.length === 0) {
    parts.push(
      `Nothing on ${plain(device)} tells its power. A meter beside it does: give one in its file (meters:, see devices/examples/raspberry-pi.yaml).\n`,
    );
  } else {
    const rows = sources.map(({ name, scope, reader, rate, watts, why, detail, kind }) => [
      name,
      scope,
      reader,
      kind ?? '–',
      rate === null ? '–' : `${number(rate)} /s`,
      watts === null ? (why ?? '–') : quantity(watts, 'W'),
      detail,
    ]);
    parts.push(grid(['source', 'scope', 'read by', 'kind', 'new values', 'now', 'what it is'], rows));
    const used = SCOPES.filter(({ name }) => sources.some(({ scope }) => scope === name));
    parts.push(`${used.map(({ name, meaning }) => `${name}: ${meaning}`).join('\n')}\n`);
  }
  if (gauges.length > 0)
    parts.push(
      grid(
        ['gauge', 'place', 'now'],
        gauges.map(({ kind, label, value, unit }) => [kind, label, quantity(value, unit)]),
      ),
    );
  const told = [
    state.governors.length > 0 ? `governor ${state.governors.join(', ')}` : null,
    state.charger && `charger ${state.charger}${state.charging ? ', the battery is being charged' : ''}`,
    state.pi && `firmware alarms now: ${state.pi.now.join(', ') || 'none'}; since its start: ${state.pi.ever.join(', ') || 'none'}`,
    state.thermalStatus !== null && `thermal status ${THERMAL_STATUS[state.thermalStatus] ?? state.thermalStatus}`,
    state.speedLimit !== null && `CPU speed limit ${state.speedLimit} %`,
    state.throttles !== null ? `${state.throttles} thermal throttle events since its start` : null,
  ].filter(Boolean);
  if (told.length > 0) parts.push(`${plain(told.join('; '))}\n`);
  for (const problem of problems) parts.push(`${plain(problem)}\n`);
  return parts.join('\n');
}
