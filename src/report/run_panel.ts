import { quantity } from '../core/format.ts';
import { METRICS } from '../core/metric.ts';
import { packing } from '../core/packing.ts';
import { plain } from '../core/plain.ts';
import { SCOPES } from '../core/scope.ts';
import { gaps, headline } from '../core/stats.ts';
import type { RunDetail } from '../core/store.ts';
import { timelineOf } from '../core/timeline.ts';
import { type Line, lines } from './charts/lines.ts';
import { type Child, h, type Markup } from './markup.ts';
import { threads } from './notes.ts';
import { panel, table } from './panels.ts';

/** Characters of an output that are shown. */
const TEXT = 2000;

/** One run: what it was, its traces over time, its figures, its flags with their evidence, and what it wrote. */
export function runPanel(run: RunDetail): Markup {
  const took = run.ended === null ? '' : `, took ${quantity((run.ended - run.started) / 1000, 's')}`;
  const title = `${run.device}, ${run.toolchain}, ${threads(run)}: ${run.model}, suite ${run.suite}`;
  const state = [run.status, ...run.flags].join(', ');
  const figures = METRICS.flatMap(({ name, title: of, unit }) => {
    const found = run.metrics[name];
    if (!found) return [];
    const cells = [headline(name, found), found.p95, found.min, found.max].map((value) => quantity(value, unit));
    return [[found.scope ? `${of} (${found.scope})` : of, ...cells, String(found.n)]];
  });
  return panel(
    title,
    `${run.id}, begun ${new Date(run.started).toISOString().replace('T', ' ').slice(0, 19)} UTC${took}: ${state}${run.message ? ` – ${run.message}` : ''}`,
    pictures(run),
    h(
      'details',
      {},
      h('summary', {}, 'Figures, conditions, evidence and outputs'),
      figures.length > 0 && table('Figures of the run', ['metric', 'value', 'p95', 'lowest', 'highest', 'n'], figures),
      table('Conditions of the run', ['condition', ''], conditions(run)),
      run.evidence.length > 0 &&
        table(
          'Evidence',
          ['flag', 'evidence'],
          run.evidence.map(({ flag, evidence }) => [flag, evidence]),
        ),
      outputs(run),
    ),
  );
}

/** How long each token took; then everything that was traced, above each other on one time line. */
function pictures(run: RunDetail): Child[] {
  const measured = run.series.filter((row) => row.series === 'token_times' && !row.warmup && row.repetition === 0);
  const tokens = measured.map(
    ({ prompt, times }): Line => ({ name: prompt ?? 'request', points: gaps(times).map((gap, i) => [times[i + 1] as number, gap]) }),
  );
  const gapsDrawn = tokens.some(({ points }) => points.length > 1) && titled('Time between tokens', lines('Time between tokens', tokens, 's', 's'));
  const timeline = timelineOf(run);
  if (timeline === null) return [gapsDrawn];
  const { from, to, strips, scopes } = timeline;
  const span = [from, to] as const;
  return [
    gapsDrawn,
    h(
      'p',
      { class: 'note' },
      'Below, one above the other, over the seconds of the run: timed requests run while nothing is read; sensors are read in idle stretches and in sampled requests; memory is of a request of its own.',
    ),
    scopes.map(({ source, scope }) => h('p', { class: 'note' }, `${source}: ${scope}, ${SCOPES.find(({ name }) => name === scope)?.meaning ?? ''}`)),
    strips.map(({ title, unit, traces }) => {
      const all = traces.map(({ name, estimated, points }): Line => ({ name, dashed: estimated, points: points.map(({ x, y }) => [x, y]) }));
      return titled(title, lines(title, all, 's', unit, { height: 150, zero: unit !== 'degC', span }));
    }),
  ];
}

function titled(title: string, picture: Markup): Markup {
  return h('div', {}, h('h3', {}, title), picture);
}

function conditions(run: RunDetail): string[][] {
  const engine = run.engine ?? {};
  const rows: [string, unknown][] = [
    ['device', `${run.device}${run.emulated ? ' (emulated)' : ''}`],
    ['origin', run.origin],
    ['cpu', run.facts?.cpu],
    ['system', run.facts && `${run.facts.distribution ?? run.facts.os}, kernel ${run.facts.kernel}`],
    ['governor', run.facts?.governor],
    ['epoch', run.epoch],
    ['threads', `${run.threads}${run.cpus === null ? '' : ` on CPUs ${run.cpus}`}`],
    ['suite', `${run.suite}, version ${run.suiteVersion}`],
    ['toolchain', `${run.toolchain}: ${run.build.compiler}`],
    ['flags', run.build.flags],
    ['binary', run.build.sha256 && `${run.build.target}, sha256 ${run.build.sha256}`],
    ['engine', run.engine && `${engine.version ?? ''}, ISA ${engine.isa ?? ''}, layouts ${packing(engine)}`],
  ];
  return rows.flatMap(([name, value]) => (value ? [[name, plain(String(value))]] : []));
}

/** The last output of each prompt; lines stay lines. */
function outputs(run: RunDetail): Markup[] {
  const last = new Map(run.outputs.map((output) => [output.prompt, output]));
  return [...last.values()].flatMap(({ prompt, tokens, hash, text }) => [
    h('p', { class: 'note' }, `Output of ${prompt}: ${tokens} tokens, ${hash}`),
    h(
      'pre',
      {},
      text
        .slice(0, TEXT)
        .split('\n')
        .flatMap((line, i) => (i === 0 ? [line] : [h('br'), line])),
    ),
  ]);
}
