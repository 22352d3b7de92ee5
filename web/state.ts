import { METRIC_NAMES, type MetricName } from '../src/core/metric.ts';
import { PAGES, type PageName } from './pages.ts';
import { SIDES_BY, type SidesBy } from './sides.ts';

export const AXES = ['device', 'toolchain', 'threads'] as const;
export type Axis = (typeof AXES)[number];
/** What the list of runs is narrowed by. */
export const FILTERS = ['device', 'toolchain', 'model', 'suite', 'threads', 'status'] as const;
export type FilterName = (typeof FILTERS)[number];

/** Everything the page shows follows from its address. */
export interface State extends Record<FilterName, string> {
  page: PageName;
  /** Id of the run that is open, whatever the page; "" shows the page. */
  run: string;
  /** Also chart runs that are not valid. */
  invalid: boolean;
  /** Column of the table of runs. */
  sort: string;
  order: 'up' | 'down';
  /** Metrics of the two charts. */
  left: MetricName;
  right: MetricName;
  axis: Axis;
  /** Prompt whose tokens are drawn. */
  prompt: string;
  /** Of Compare and Trends. */
  metric: MetricName;
  /** Of Compare: what differs, and which two values of it are held against each other; "" takes the two that share most. */
  by: SidesBy;
  base: string;
  candidate: string;
  /** Of Pareto. */
  x: MetricName;
  y: MetricName;
  /** How large a point is; "" are all alike. */
  size: MetricName | '';
}

const START: State = {
  ...{ device: '', toolchain: '', model: '', suite: '', threads: '', status: '' },
  ...{ page: 'overview', run: '', invalid: false, sort: 'started', order: 'down' },
  ...{ left: 'decode_rate', right: 'prefill_rate', axis: 'device', prompt: '' },
  ...{ metric: 'decode_rate', by: 'toolchain', base: '', candidate: '' },
  ...{ x: 'decode_rate', y: 'energy_per_token', size: '' },
};

/** Reads an address; what is unknown in it counts as absent. */
export function readState(search: string): State {
  const given = new URLSearchParams(search);
  const text = (name: string) => (given.get(name) ?? '').slice(0, 128);
  const one = <Name extends string>(name: string, of: readonly Name[], otherwise: Name) =>
    of.find((option) => option === given.get(name)) ?? otherwise;
  return {
    ...(Object.fromEntries(FILTERS.map((name) => [name, text(name)])) as Record<FilterName, string>),
    threads: text('threads').replace(/\D/g, ''),
    page: one('page', PAGES, START.page),
    run: text('run'),
    invalid: given.get('invalid') === 'show',
    sort: text('sort') || START.sort,
    order: one('order', ['up', 'down'], START.order),
    left: one('left', METRIC_NAMES, START.left),
    right: one('right', METRIC_NAMES, START.right),
    axis: one('axis', AXES, START.axis),
    prompt: text('prompt'),
    metric: one('metric', METRIC_NAMES, START.metric),
    by: one('by', SIDES_BY, START.by),
    base: text('base'),
    candidate: text('candidate'),
    x: one('x', METRIC_NAMES, START.x),
    y: one('y', METRIC_NAMES, START.y),
    size: one<MetricName | ''>('size', METRIC_NAMES, START.size),
  };
}

/** The shortest address of a state. */
export function writeState(state: State): string {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(state) as [keyof State, string | boolean][]) {
    if (value === START[name]) continue;
    parts.set(name, value === true ? 'show' : String(value));
  }
  const search = parts.toString();
  return search ? `?${search}` : './';
}

/** Leads to another page; filters that both have stay. */
export function toPage(page: PageName): Partial<State> {
  const { device, toolchain, model, suite, invalid, threads, metric } = current();
  return { ...START, device, toolchain, model, suite, invalid, threads, metric, page };
}

let state = readState(location.search);
let follow: (before: State) => void = () => {};

export function current(): State {
  return state;
}

/** Moves on to another state: a new entry of the browser's history, so that its back button leads back. */
export function go(change: Partial<State>): void {
  const next = { ...state, ...change };
  const address = writeState(next);
  if (address === writeState(state)) return;
  const before = state;
  history.replaceState({ scroll: scrollY }, '');
  history.pushState({ scroll: 0 }, '', address);
  state = next;
  follow(before);
}

/** Calls `draw` after every change with the state that was before. */
export function onChange(draw: (before: State) => void): void {
  follow = draw;
  history.scrollRestoration = 'manual';
  addEventListener('popstate', (event) => {
    const before = state;
    state = readState(location.search);
    draw(before);
    const { scroll } = (event.state ?? {}) as { scroll?: number };
    scrollTo(0, scroll ?? 0);
  });
}
