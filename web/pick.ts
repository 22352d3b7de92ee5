import { METRICS, type MetricName } from '../src/core/metric.ts';
import { h } from './dom.ts';

/** A labelled choice; `act` gets the value. */
export function pick(
  id: string,
  label: string,
  options: readonly (readonly [value: string, title: string])[],
  chosen: string,
  act: (value: string) => void,
): HTMLElement {
  const select = h(
    'select',
    { id: `pick-${id}`, 'data-focus': `pick-${id}`, onchange: () => act(options[select.selectedIndex]?.[0] ?? '') },
    options.map(([value, title]) => h('option', { selected: value === chosen }, title)),
  );
  return h('label', { class: 'pick' }, h('span', {}, label), select);
}

/** A choice among the metrics that anything has. */
export function metricPick(
  id: string,
  label: string,
  chosen: MetricName,
  known: readonly MetricName[],
  act: (metric: MetricName) => void,
): HTMLElement {
  const options = METRICS.filter(({ name }) => name === chosen || known.includes(name)).map(({ name, title }) => [name, title] as const);
  return pick(id, label, options, chosen, (value) => act(value as MetricName));
}
