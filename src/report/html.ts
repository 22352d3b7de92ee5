import { percent, plural, quantity } from '../core/format.ts';
import { GRADES, type Grade } from '../core/grades.ts';
import { type MetricName, metric } from '../core/metric.ts';
import type { Published, PublishedRow } from '../core/published.ts';
import { publishedGroups } from '../core/published_groups.ts';
import type { RunSummary } from '../core/run.ts';
import { SCOPES } from '../core/scope.ts';
import { isValid } from '../core/validity.ts';
import { bars } from './charts/bars.ts';
import { dots } from './charts/dots.ts';
import { COLOURS } from './charts/frame.ts';
import { intervals } from './charts/intervals.ts';
import { lines } from './charts/lines.ts';
import { filledColumns, groups } from './columns.ts';
import { type Child, h, type Markup } from './markup.ts';
import type { Material } from './material.ts';
import { failures, flagMeanings, LEGEND, LISTED, newestOnly } from './notes.ts';
import { panel, table } from './panels.ts';
import { others, shown } from './published.ts';
import { runPanel } from './run_panel.ts';
import { bestBy, type Setting, settingsOf } from './settings.ts';
import { STYLE } from './style.ts';

/** What bars are drawn of, where runs have it. */
const CHARTED: readonly MetricName[] = ['decode_rate', 'prefill_rate', 'time_to_first_token', 'energy_per_token', 'peak_rss', 'command_time'];
/** Speed is set against these. */
const COSTS: readonly MetricName[] = ['energy_per_token', 'peak_rss', 'model_bytes'];
/** Runs that are drawn one by one. */
const DRAWN = 12;
/** What a page for people, or a mail, bears: models and suites, bars or lines of a chart, rows of its table. */
const WORKLOADS = 20;
const BARS = 40;
const ROWS = 60;

/**
 * One file with all its charts, for a disk, a mail or a web server: nothing in it is loaded from elsewhere, and no script is in it, so it needs
 * none and its policy forbids all. Charts are pictures in the text (SVG) with their figures in a table of which each row has a bar of its
 * own, for programs that drop pictures.
 */
export function html(material: Material): string {
  const { runs, comparisons, published, made } = material;
  const when = new Date(made).toISOString().replace('T', ' ').slice(0, 16);
  const devices = new Set(runs.map(({ device }) => device)).size;
  const body = [
    h(
      'header',
      {},
      h('h1', {}, 'fleet report'),
      h('p', { class: 'note' }, `${plural(runs.length, 'run')} on ${plural(devices, 'device')}, written ${when} UTC. ${LEGEND}`),
    ),
    h(
      'main',
      {},
      runs.length === 0 ? h('p', {}, 'No runs.') : [glance(runs), workloads(runs), comparisonPart(comparisons), runsPart(runs), drawnRuns(material)],
      notes(runs),
      published && publishedPart(published),
    ),
    h('footer', {}, h('p', { class: 'note' }, 'Charts are of all valid runs; the table of runs has those that are not valid, too.')),
  ];
  const head = h(
    'head',
    {},
    h('meta', { charset: 'utf-8' }),
    h('meta', { 'http-equiv': 'Content-Security-Policy', content: "default-src 'none'; style-src 'unsafe-inline'" }),
    h('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
    h('meta', { name: 'color-scheme', content: 'light dark' }),
    h('meta', { name: 'referrer', content: 'no-referrer' }),
    h('title', {}, `fleet report, ${when}`),
  ).text.replace('</head>', `<style>${STYLE}</style></head>`);
  return `<!doctype html>\n<html lang="en">${head}\n${h('body', {}, body).text}</html>\n`;
}

/** The best of each device over all workloads: what a reader looks for first. */
function glance(runs: readonly RunSummary[]): Markup {
  const rows = groups(runs).flatMap(({ model, suite, runs: own }) => {
    const { settings } = settingsOf(own, 'decode_rate');
    return bestBy(settings, 'decode_rate', ({ device }) => device).map((setting) => ({ model, suite, setting }));
  });
  if (rows.length === 0) return h('p', {}, 'No run here is valid and has a decode rate: the table of runs says why.');
  const most = Math.max(...rows.map(({ setting }) => setting.value));
  return h(
    'section',
    {},
    h('h2', {}, 'At a glance'),
    panel(
      null,
      `The best setting of each device by decode rate.${first(rows.length, ROWS)}`,
      table(
        'The best of each device',
        ['device', 'model, suite', 'decode', 'as a bar', 'of', 'energy a token', 'peak memory'],
        rows.slice(0, ROWS).map(({ model, suite, setting }) => {
          const { device, toolchain, threads, value, runs: own } = setting;
          const energy = own.find((run) => run.metrics.energy_per_token)?.metrics.energy_per_token;
          const memory = own.find((run) => run.metrics.peak_rss)?.metrics.peak_rss;
          return [
            device,
            `${model}, ${suite}`,
            figure(value, 'decode_rate'),
            stripe(value / most),
            `${toolchain}, ${plural(threads, 'thread')}`,
            energy ? `${quantity(energy.median, 'J')} (${energy.scope ?? 'scope unknown'})` : '–',
            quantity(memory?.max, 'B'),
          ];
        }),
      ),
    ),
  );
}

/** " The first 40 of 200 are shown." where there are more than so many; else nothing. */
function first(all: number, most: number): string {
  return all > most ? ` The first ${most} of ${all} are shown.` : '';
}

/** A part for each model and suite; of very many those with the most runs. */
function workloads(runs: readonly RunSummary[]): Child {
  const all = groups(runs);
  if (all.length <= WORKLOADS) return all.map(workload);
  const kept = new Set([...all].sort((a, b) => b.runs.length - a.runs.length).slice(0, WORKLOADS));
  return [
    h('p', { class: 'note' }, `Charts are of the ${WORKLOADS} of ${all.length} models and suites that were measured most often.`),
    all.filter((group) => kept.has(group)).map(workload),
  ];
}

function workload({ model, suite, runs }: { model: string; suite: string; runs: RunSummary[] }): Markup {
  const where = `${model} in ${suite}`;
  const charts = CHARTED.flatMap((name) => barPanel(name, runs, where));
  const costs = COSTS.flatMap((name) => costPanel(name, runs, where));
  if (charts.length === 0) return h('section', {}, h('h2', {}, `${model}, suite ${suite}`), h('p', {}, 'No run here is valid.'));
  return h('section', {}, h('h2', {}, `${model}, suite ${suite}`), charts, threadPanel(runs, where), costs);
}

/** `where`: the model and suite, so that the tables of all parts have names of their own. */
function barPanel(name: MetricName, runs: readonly RunSummary[], where: string): Markup[] {
  const { settings, scope, apart } = settingsOf(runs, name);
  if (settings.length === 0) return [];
  const { title, definition } = metric(name);
  const best = bestBy(settings, name, ({ device, toolchain }) => JSON.stringify([device, toolchain]));
  const order = bestBy(settings, name, ({ device }) => device).map(({ device }) => device);
  const rows = [...best].sort((a, b) => order.indexOf(a.device) - order.indexOf(b.device));
  const meaning = SCOPES.find((row) => row.name === scope)?.meaning;
  const about =
    scope === null ? '' : ` Scope ${scope}: ${meaning}.${apart > 0 ? ` ${plural(apart, 'run')} of another scope cannot stand beside them.` : ''}`;
  const drawn = bars(rows.slice(0, BARS), name);
  return [
    panel(`${title} by device`, `${definition}${about}${first(rows.length, BARS)}`, drawn, details(settingTable(name, settings, title, where))),
  ];
}

function settingTable(name: MetricName, settings: readonly Setting[], title: string, where: string): Markup {
  const most = Math.max(...settings.map(({ value }) => value));
  return table(
    `${title} of every setting, ${where}`,
    ['device', 'toolchain', 'threads', title, 'as a bar', 'lowest', 'highest', 'runs'],
    bestBy(settings, name, ({ device, toolchain, threads, runs }) => JSON.stringify([device, toolchain, threads, runs[0]?.id]))
      .slice(0, ROWS)
      .map((setting) => {
        const { device, toolchain, threads, value, low, high, runs } = setting;
        return [
          device,
          toolchain,
          String(threads),
          figure(value, name),
          stripe(value / most),
          ...[low, high].map((end) => figure(end, name)),
          String(runs.length),
        ];
      }),
  );
}

/** How speed grows with threads. */
function threadPanel(runs: readonly RunSummary[], where: string): Markup[] {
  const best = bestBy(settingsOf(runs, 'decode_rate').settings, 'decode_rate', ({ device, threads }) => JSON.stringify([device, threads]));
  const devices = [...new Set(best.map(({ device }) => device))].filter((device) => best.filter((setting) => setting.device === device).length > 1);
  if (devices.length === 0) return [];
  const own = (device: string) => best.filter((setting) => setting.device === device).sort((a, b) => a.threads - b.threads);
  const all = devices
    .slice(0, COLOURS.length)
    .map((device) => ({ name: device, points: own(device).map(({ threads, value }) => [threads, value] as const) }));
  const rows = devices.flatMap((device) =>
    own(device).map(({ threads, value, toolchain }) => [device, String(threads), figure(value, 'decode_rate'), toolchain]),
  );
  return [
    panel(
      'Decode by threads',
      `The best build of each device at each number of threads.${first(devices.length, COLOURS.length)}`,
      lines('Decode by threads', all, 'threads', 'tokens/s'),
      details(table(`Decode by threads, ${where}`, ['device', 'threads', 'Decode', 'toolchain'], rows.slice(0, ROWS))),
    ),
  ];
}

/** Speed against what it costs, one dot a device. */
function costPanel(cost: MetricName, runs: readonly RunSummary[], where: string): Markup[] {
  const speeds = bestBy(settingsOf(runs, 'decode_rate').settings, 'decode_rate', ({ device }) => device);
  const costs = settingsOf(runs, cost).settings;
  const all = speeds.flatMap(({ device, toolchain, threads, value }) => {
    const own = costs.find((setting) => setting.device === device && setting.toolchain === toolchain && setting.threads === threads);
    return own ? [{ name: device, x: own.value, y: value }] : [];
  });
  if (all.length < 2 || new Set(all.map(({ x }) => x)).size < 2) return [];
  const title = `Decode against ${metric(cost).title}`;
  const rows = all.slice(0, ROWS).map(({ name, x, y }) => [name, figure(y, 'decode_rate'), figure(x, cost)]);
  return [
    panel(
      title,
      `The best setting of each device. Filled: no other one beats it in both.${first(all.length, ROWS)}`,
      dots(all.slice(0, ROWS), cost, 'decode_rate'),
      details(table(`${title}, ${where}`, ['device', 'Decode', metric(cost).title], rows)),
    ),
  ];
}

function comparisonPart(rows: Material['comparisons']): Child {
  if (rows.length === 0) return null;
  const drawn = rows.slice(0, BARS);
  return h(
    'section',
    {},
    h('h2', {}, 'Builds compared'),
    panel(
      null,
      `Candidate against baseline, Hodges-Lehmann over pairs of launches with the exact signed-rank interval; grey: unknown.${first(rows.length, BARS)}`,
      drawn.some(({ interval }) => interval) && intervals(drawn),
      details(
        table(
          'Comparisons',
          ['device', 'metric', 'candidate', 'baseline', 'change', 'interval', 'pairs', 'verdict'],
          rows
            .slice(0, LISTED)
            .map((row) => [
              row.device,
              metric(row.metric).title,
              row.candidate,
              row.baseline,
              percent(row.change),
              row.interval ? row.interval.map(percent).join(' to ') : '–',
              String(row.pairs),
              row.verdict,
            ]),
        ),
      ),
    ),
  );
}

function runsPart(runs: readonly RunSummary[]): Markup {
  const columns = filledColumns(runs);
  const titles = ['model', ...columns.map(({ title }) => title)];
  const rows = runs.slice(0, LISTED).map((run) => ({ cells: [run.model, ...columns.map((column) => column.cell(run))], valid: isValid(run) }));
  return h(
    'section',
    {},
    h('h2', {}, 'Runs'),
    panel(
      null,
      newestOnly(runs.length),
      table(
        'Runs',
        titles,
        rows.map(({ cells }) => cells),
        rows.map(({ valid }) => (valid ? null : 'invalid')),
      ),
    ),
  );
}

function drawnRuns({ runs, detail }: Material): Child {
  const drawn = runs.slice(0, DRAWN).flatMap(({ id }) => {
    const run = detail(id);
    return run ? [runPanel(run)] : [];
  });
  if (drawn.length === 0) return null;
  const more = runs.length > DRAWN ? `The newest ${DRAWN} of ${runs.length}; name fewer devices or days for the others.` : null;
  return h('section', {}, h('h2', {}, 'Runs one by one'), more && h('p', { class: 'note' }, more), drawn);
}

function notes(runs: readonly RunSummary[]): Child {
  const failed = failures(runs);
  const meanings = flagMeanings(runs);
  return [
    failed.length > 0 &&
      h(
        'section',
        {},
        h('h2', {}, 'Did not end well'),
        h(
          'ul',
          {},
          failed.map((sentence) => h('li', {}, sentence)),
        ),
      ),
    meanings.length > 0 &&
      h(
        'section',
        {},
        h('h2', {}, 'Flags'),
        h(
          'dl',
          {},
          meanings.map(({ name, meaning }) => [h('dt', {}, name), h('dd', {}, meaning)]),
        ),
      ),
  ];
}

function publishedPart({ rows, stories, retrieved }: Published): Child {
  if (rows.length === 0) return null;
  const figureOf = (row: PublishedRow | undefined) => (row ? shown(row) : '–');
  return h(
    'section',
    { class: 'apart' },
    h('h2', {}, 'Published by others'),
    panel(
      null,
      `Not measured here, and not by these rules: what others published, read in ${retrieved}, each with its source and a grade of trust. Never mixed with the runs above.`,
      details(
        table(
          'Published by others',
          ['device', 'model', 'engine', 'thr.', 'prefill t/s', 'decode t/s', 'other', 'grade', 'source'],
          publishedGroups(rows.filter(({ story }) => story === null)).map((group) => {
            const { device, model, engine, test, threads, figures, grade, source, notes: said } = group;
            return [
              ...[device, model, test === null ? engine : `${engine}, ${test}`, threads === null ? '–' : String(threads)],
              ...[figureOf(figures.prefill_rate), figureOf(figures.decode_rate), others(group), grade, [source, ...said].join('; ')],
            ];
          }),
        ),
      ),
      h(
        'dl',
        {},
        (Object.keys(GRADES) as Grade[]).map((grade) => [h('dt', {}, `Grade ${grade}`), h('dd', {}, GRADES[grade])]),
      ),
      stories.map(({ title, text, grade, source }) => [h('h3', {}, title), h('p', {}, text), h('p', { class: 'note' }, `grade ${grade}: ${source}`)]),
    ),
  );
}

/** A bar in a table: it carries its own looks, for mail programs that keep no style sheet. */
function stripe(share: number): Markup {
  const width = Math.max(1, Math.round(100 * Math.min(1, Math.max(0, share))));
  return h('div', { style: 'width:120px' }, h('div', { style: `width:${width}%;height:10px;background:#0072b2;border-radius:2px` }, ' '));
}

function figure(value: number, name: MetricName): string {
  return quantity(value, metric(name).unit);
}

function details(inner: Markup): Markup {
  return h('details', {}, h('summary', {}, 'Table'), inner);
}
