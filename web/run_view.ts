import { FLAGS } from '../src/core/flags.ts';
import { METRICS, type MetricName, metric } from '../src/core/metric.ts';
import type { MetricSummary } from '../src/core/run.ts';
import { headline } from '../src/core/stats.ts';
import type { RunDetail } from '../src/core/store.ts';
import { flagChip, statusChip } from './chips.ts';
import { commandOf } from './command.ts';
import { conditions } from './conditions.ts';
import { block, byId, type Child, fill, h } from './dom.ts';
import { memory } from './memory.ts';
import { ago, dateAndTime, measured, range, threadsOf } from './numbers.ts';
import { journalTail, outputs } from './outputs.ts';
import { power } from './power.ts';
import { current, go } from './state.ts';
import { timeline } from './timeline.ts';

/** What stands large at the top. */
const TILES: readonly MetricName[] = [
  'decode_rate',
  'prefill_rate',
  'time_to_first_token',
  'inter_token_latency',
  'peak_rss',
  'bandwidth',
  'energy_per_token',
];

/** One run with everything that is known of it. */
export function drawRun(run: RunDetail): void {
  const traces = h('section', { class: 'panel', 'aria-labelledby': 'timeline-title' });
  const memories = h('section', { class: 'panel', 'aria-labelledby': 'memory-title' });
  const powers = h('section', { class: 'panel', 'aria-labelledby': 'power-title' });
  fill(
    byId('run'),
    back(),
    h('div', { class: 'run-head' }, h('h2', { id: 'run-title', tabindex: -1 }, run.device), statusChip(run.status), run.flags.map(flagChip)),
    h('p', { class: 'run-what' }, [run.model, run.suite, run.toolchain, threadsOf(run)].join(' · ')),
    h(
      'p',
      { class: 'note' },
      h('time', { datetime: new Date(run.started).toISOString() }, dateAndTime(run.started)),
      ` (${ago(run.started)}), run ${run.id}`,
    ),
    run.message !== null && h('p', { class: 'message' }, run.message),
    run.cut &&
      h('p', { class: 'message' }, `This run is too long for one page: below is its beginning. \`fleet export ${run.id} -o FILE\` has all of it.`),
    evidence(run),
    tiles(run),
    powers,
    h('div', { class: 'panels' }, traces, memories),
    promptTable(run),
    conditions(run),
    h('section', { 'aria-labelledby': 'command-title' }, h('h3', { id: 'command-title' }, 'The same again'), block(commandOf(run), 'Command')),
    outputs(run.outputs),
    journalTail(run.events),
  );
  const drawTimeline = () => timeline(traces, run, current().prompt, drawTimeline);
  drawTimeline();
  memory(memories, run);
  if (!power(powers, run)) powers.remove();
}

/** In place of a run that cannot be shown. */
export function drawNoRun(sentence: string): void {
  fill(byId('run'), back(), h('h2', { id: 'run-title', tabindex: -1 }, 'No such run'), h('p', { class: 'message' }, sentence));
}

function back(): HTMLElement {
  return h('button', { type: 'button', class: 'link back', onclick: () => go({ run: '', prompt: '' }) }, '← Back');
}

function evidence(run: RunDetail): Child {
  if (run.evidence.length === 0) return null;
  return h(
    'section',
    { class: 'evidence', 'aria-label': 'Flags' },
    run.flags.map((name) => [
      h('p', {}, flagChip(name), ' ', FLAGS.find((flag) => flag.name === name)?.meaning),
      h(
        'ul',
        {},
        run.evidence.filter(({ flag }) => flag === name).map(({ evidence }) => h('li', {}, evidence)),
      ),
    ]),
  );
}

function tiles(run: RunDetail): HTMLElement {
  return h(
    'dl',
    { class: 'tiles' },
    TILES.flatMap((name) => {
      const summary = run.metrics[name];
      const row = METRICS.find((known) => known.name === name);
      if (!summary || !row) return [];
      return h(
        'div',
        { class: 'tile', title: row.definition },
        h('dt', {}, summary.scope ? `${row.title}, ${summary.scope}` : row.title),
        h('dd', {}, tileValue(measured(headline(name, summary), name)), spread(name, summary)),
      );
    }),
  );
}

/** The figure large, its unit small. */
function tileValue(text: string): HTMLElement {
  const [value, ...unit] = text.split(' ');
  return h('span', { class: 'tile-value' }, value, h('span', { class: 'unit' }, ` ${unit.join(' ')}`));
}

function spread(name: MetricName, { min, max, p95, n }: MetricSummary): Child {
  if (n < 2) return null;
  return h('span', { class: 'range' }, [
    range(min, max, name),
    h('br'),
    `${p95 === null || metric(name).better !== 'lower' ? '' : `p95 ${measured(p95, name)} · `}n ${n}`,
  ]);
}

/** Every metric by prompt: median, and lowest to highest below it. */
function promptTable(run: RunDetail): Child {
  const prompts = Object.keys(run.prompts);
  const names = METRICS.map(({ name }) => name).filter((name) => run.metrics[name]);
  if (names.length === 0) return h('p', { class: 'empty' }, 'Nothing was measured in this run.');
  const cell = (name: MetricName, summary: MetricSummary | undefined) =>
    h(
      'td',
      { class: 'figure' },
      summary ? measured(headline(name, summary), name) : '–',
      summary && summary.max > summary.min && h('span', { class: 'range' }, range(summary.min, summary.max, name)),
    );
  return h(
    'section',
    { 'aria-labelledby': 'metrics-title' },
    h('h3', { id: 'metrics-title' }, 'Metrics by prompt'),
    h(
      'div',
      { class: 'panel flush' },
      h(
        'div',
        { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Table of metrics' },
        h(
          'table',
          {},
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              h('th', { scope: 'col' }, 'metric'),
              h('th', { scope: 'col', class: 'figure' }, 'all'),
              prompts.map((prompt) => h('th', { scope: 'col', class: 'figure' }, prompt)),
            ),
          ),
          h(
            'tbody',
            {},
            names.map((name) => {
              const row = METRICS.find((known) => known.name === name);
              return h(
                'tr',
                {},
                h('th', { scope: 'row', title: row?.definition }, row?.title),
                cell(name, run.metrics[name]),
                prompts.map((prompt) => cell(name, run.prompts[prompt]?.[name])),
              );
            }),
          ),
        ),
      ),
    ),
    h(
      'details',
      {},
      h('summary', {}, 'What these mean'),
      h(
        'dl',
        { class: 'meanings column' },
        names.map((name) => h('div', {}, h('dt', {}, metric(name).title), h('dd', {}, metric(name).definition))),
      ),
    ),
  );
}
