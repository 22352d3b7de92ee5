import type { Published } from '../src/core/published.ts';
import type { RunSummary } from '../src/core/run.ts';
import type { RunDetail, StoredDevice } from '../src/core/store.ts';
import { fetchDevices, fetchPublished, fetchRun, fetchRuns, fetchSome, MOST_RUNS } from './api.ts';
import { barPanel } from './bar_panel.ts';
import { sweep } from './chart.ts';
import { byId, fill } from './dom.ts';
import { charted, drawFilters, filtered, prepareFilters } from './filters.ts';
import { workloads } from './groups.ts';
import { headline } from './headline.ts';
import { followLive } from './live.ts';
import { drawLive, liveNews } from './live_cards.ts';
import { plural } from './numbers.ts';
import { drawPublished } from './published.ts';
import { drawNoRun, drawRun } from './run_view.ts';
import { drawTable, prepareTable } from './runs_table.ts';
import { current, go, onChange } from './state.ts';

/** What the page knows. */
let runs: RunSummary[] = [];
let devices: StoredDevice[] = [];
let published: Published | null = null;
let detail: RunDetail | null = null;
/** What the charts were drawn from, so that news of something else leaves them alone. */
let chartedLast = '';

function drawOverview(again = false): void {
  drawFilters(runs);
  const left = filtered(runs);
  drawTable(left);
  const drawn = charted(left);
  const [first, ...others] = workloads(drawn);
  const { axis, left: one, right: two } = current();
  const key = JSON.stringify([axis, one, two, drawn.map(({ id, ended }) => [id, ended])]);
  if (key === chartedLast && !again) return;
  chartedLast = key;
  headline(byId('headline'), first, others, devices);
  const names = { device: namesOf('device'), toolchain: namesOf('toolchain') };
  byId('charts-note').textContent =
    `Bars: median; whiskers: lowest to highest measured value. Where several settings fall on one bar the best is drawn; choose a bar to open its newest run.${current().invalid ? ' Pale bars are not valid.' : ''}`;
  barPanel(byId('chart-left'), 'left', first, names);
  barPanel(byId('chart-right'), 'right', first, names);
}

function namesOf(key: 'device' | 'toolchain'): string[] {
  return [...new Set(runs.map((run) => run[key]))].sort();
}

/** Draws what the address says. `again`: also what has not changed, because colours have. */
function draw(again = false): void {
  const { run } = current();
  byId('overview').hidden = run !== '';
  byId('run').hidden = run === '';
  if (run === '') drawOverview(again);
  else if (detail?.id === run) drawRun(detail);
  document.title = run === '' ? 'fleet' : `${detail?.id === run ? detail.device : run} – fleet`;
  fill(
    byId('totals'),
    `${plural(runs.length, 'run')}${runs.length >= MOST_RUNS ? ' (the newest)' : ''} on ${plural(namesOf('device').length, 'device')}`,
  );
  drawLive(runs);
  sweep();
}

/** Fetches and shows the run that the address names. */
async function openRun(focus: boolean): Promise<void> {
  const { run } = current();
  if (run === '') return;
  try {
    const found = await fetchRun(run);
    if (current().run !== run) return;
    detail = found;
    draw();
  } catch (error) {
    if (current().run !== run) return;
    detail = null;
    draw();
    drawNoRun((error as Error).message);
  }
  if (focus) byId('run-title').focus({ preventScroll: true });
}

/** Brings summaries of these runs up to date. */
async function refresh(ids: readonly string[]): Promise<void> {
  const found = new Map((await fetchSome(ids)).map((run) => [run.id, run]));
  runs = [...runs.filter(({ id }) => !found.has(id)), ...found.values()]
    .sort((a, b) => b.started - a.started || (a.id < b.id ? 1 : -1))
    .slice(0, MOST_RUNS);
  if (current().run === '') draw();
  else drawLive(runs);
  const ended = detail && found.get(detail.id);
  if (detail && ended && current().run === detail.id && ended.status !== detail.status) await openRun(false);
}

function problem(error: unknown): void {
  byId('problem').hidden = false;
  fill(byId('problem'), error instanceof Error ? error.message : String(error));
}

/** Gathers the ids of a second, so that a lively bench does not make a request a token. */
function gather(pause: number, act: (ids: readonly string[]) => Promise<void>): (id: string) => void {
  const waiting = new Set<string>();
  let timer: number | null = null;
  return (id) => {
    waiting.add(id);
    if (timer !== null) return;
    timer = window.setTimeout(() => {
      timer = null;
      const ids = [...waiting].slice(0, 100);
      for (const done of ids) waiting.delete(done);
      act(ids).catch(problem);
    }, pause);
  };
}

function follow(): void {
  const later = gather(1000, refresh);
  followLive(
    (news) => {
      liveNews(news);
      drawLive(runs);
      for (const { id } of news) later(id);
    },
    (up) => {
      byId('link').classList.toggle('up', up);
      byId('link').textContent = up ? 'live' : 'not connected';
    },
  );
}

async function start(): Promise<void> {
  prepareFilters();
  prepareTable(() => drawTable(filtered(runs)));
  onChange((before) => {
    const { run } = current();
    draw();
    if (run === before.run) return;
    if (run === '') return byId('main').focus({ preventScroll: true });
    scrollTo(0, 0);
    void openRun(true);
  });
  byId('home').addEventListener('click', (event) => {
    event.preventDefault();
    go({ run: '', prompt: '' });
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => draw(true));
  // Runs and the open run side by side: neither waits for the other.
  const [list, known] = await Promise.all([fetchRuns(), fetchDevices(), openRun(false)]);
  runs = list;
  devices = known.devices;
  if (known.problem !== null) problem(new Error(known.problem));
  draw();
  follow();
  published = await fetchPublished();
  drawPublished(byId('published'), published);
}

start().catch(problem);
