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
    { id: `pick-${id}`, 'data-focus': `pick-${id}`, onchange: () => act(select.value) },
    options.map(([value, title]) => option(value, title, value === chosen)),
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

/** The value of an option is a name as it is, though its text may have escapes. */
export function option(value: string, title: string, selected = false): HTMLOptionElement {
  const made = h('option', { selected }, title);
  made.value = value;
  return made;
}
