import { fetchRun, fetchSome, MOST_RUNS } from './api.ts';
import { barPanel } from './bar_panel.ts';
import { drawBenches, leaveBenches } from './benches.ts';
import { sweep } from './chart.ts';
import { drawCompare } from './compare.ts';
import { data, fetchAgain, need, needDevices } from './data.ts';
import { deviceCards } from './device_cards.ts';
import { drawDevices } from './devices.ts';
import { byId, fill, h } from './dom.ts';
import { charted, drawFilters, filtered, prepareFilters } from './filters.ts';
import { workloads } from './groups.ts';
import { inUse, keeping } from './keep.ts';
import { follow as followLink } from './links.ts';
import { followLive } from './live.ts';
import { drawLive, liveNews, runningNow } from './live_cards.ts';
import { plural } from './numbers.ts';
import { drawOurs } from './ours.ts';
import { FILTERED, PAGES, type PageName } from './pages.ts';
import { drawPareto } from './pareto.ts';
import { untilReleased } from './press.ts';
import { drawPublished } from './published.ts';
import { drawRoofline } from './roofline.ts';
import { drawNoRun, drawRun } from './run_view.ts';
import { drawTable, prepareTable } from './runs_table.ts';
import { current, onChange, toPage, writeState } from './state.ts';
import { drawSuites } from './suites.ts';
import { drawTrends } from './trends.ts';

/** What was drawn last on either side, so that news of something else leave it alone. */
const drawnLast = { left: '', right: '' };
/** What stands in the page: drawn anew, it keeps the focus and what was folded open. */
let standing = '';

/** Cards and charts of the overview: all that its settings tell. */
function drawFigures(again: boolean): void {
  const settings = charted([...data.settings.values()]);
  const [first, ...others] = workloads(settings);
  const { axis, left, right, invalid, device } = current();
  const devices = data.devices.filter(({ id }) => device === '' || id === device);
  deviceCards(byId('headline'), first, others, devices, runningNow());
  const names = { device: namesOf('device'), toolchain: namesOf('toolchain') };
  byId('charts-note').textContent =
    `Bars: median; whiskers: lowest to highest measured value. Where several settings fall on one bar the best is drawn; choose a bar to open its newest run.${invalid ? ' Pale bars are not valid.' : ''}`;
  const panels = [['left', left] as const, ['right', right] as const].flatMap(([side, name]) => {
    const figures = first?.settings.map(({ id, metrics }) => [id, metrics[name]]);
    const key = JSON.stringify([axis, name, figures, names, data.known]);
    if (key === drawnLast[side] && !again) return [];
    drawnLast[side] = key;
    return barPanel(byId(`chart-${side}`), side, first, names, data.known);
  });
  for (const drawChart of panels) drawChart(); // when both panels stand: the page is laid out once
}

/** The pages that are drawn whole into #page. */
const DRAW: Partial<Record<PageName, (place: HTMLElement) => void>> = {
  compare: (place) => drawCompare(place, charted([...data.settings.values()]), data.judged ?? [], data.known),
  trends: (place) => drawTrends(place, data.history.series, data.known),
  pareto: (place) => drawPareto(place, charted([...data.settings.values()]), data.quality ?? [], namesOf('device'), data.known),
  roofline: (place) => drawRoofline(place, charted([...data.settings.values()]), data.devices, namesOf('device')),
  devices: (place) => drawDevices(place, data.devices),
  suites: (place) => drawSuites(place, data.suites ?? [], [...data.settings.values()]),
};

function namesOf(key: 'device' | 'toolchain'): string[] {
  const measured = [...data.settings.values()].map((setting) => setting[key]);
  return [...new Set([...measured, ...(key === 'device' ? data.devices.filter(({ runs }) => runs > 0).map(({ id }) => id) : [])])].sort();
}

/** Draws what the address says. `again`: also what has not changed, because colours have; without `figures`, the overview's stand there already. */
function draw(again = false, figures = true): void {
  if (untilReleased(() => draw(again, figures))) return;
  const { run, page } = current();
  const shown = run === '' ? page : 'run';
  for (const [id, on] of [
    ['overview', shown === 'overview'],
    ['run', shown === 'run'],
    ['ours', shown === 'published'],
    ['published', shown === 'published'],
    ['benches', shown === 'devices'],
    ['page', shown !== 'run' && DRAW[page] !== undefined],
    ['filtering', shown !== 'run' && FILTERED.includes(page)],
  ] as const)
    byId(id).hidden = !on;
  drawLinks();
  drawFilters(data.runs, [...data.settings.values()], namesOf('device'));
  byId('partial').hidden = !data.cut;
  if (shown === 'run') drawOpen();
  else if (standing === shown) keeping(byId('main'), () => drawPage(page, again, figures));
  else drawPage(page, again, figures);
  standing = shown;
  document.title = shown === 'overview' ? 'fleet' : `${shown === 'run' ? (data.detail?.id === run ? data.detail.device : run) : page} – fleet`;
  const runs = data.devices.reduce((sum, device) => sum + device.runs, 0);
  fill(byId('totals'), `${plural(runs, 'run')} on ${plural(data.devices.filter((device) => device.runs > 0).length, 'device')}`);
  drawLive(data.runs);
  sweep();
  if (shown !== 'run' || data.detail?.id === run) drawn();
}

function drawPage(page: PageName, again: boolean, figures: boolean): void {
  if (page === 'overview') {
    drawTable(filtered(data.runs));
    if (figures) drawFigures(again);
  } else if (page === 'published' && data.published) {
    drawOurs(byId('ours'), [...data.settings.values()], data.published);
    drawPublished(byId('published'), data.published);
  } else keepingFocus(() => DRAW[page]?.(byId('page')));
}

/** Marks what the page shows now, or that it waits for something. */
function drawn(whole = true): void {
  byId('main').setAttribute('aria-busy', String(!whole));
  if (whole) byId('main').dataset.shown = writeState(current());
}

function drawOpen(): void {
  const run = data.detail;
  if (run?.id === current().run) keeping(byId('run'), () => drawRun(run));
}

/** What is drawn anew keeps the focus where it was. */
function keepingFocus(act: () => void): void {
  const { focus } = (document.activeElement as HTMLElement | null)?.dataset ?? {};
  act();
  if (focus) document.querySelector<HTMLElement>(`#page [data-focus="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
}

function drawLinks(): void {
  const { page, run } = current();
  for (const [i, name] of PAGES.entries()) {
    const found = byId('pages').children[i] as HTMLAnchorElement | undefined;
    const anchor = found ?? byId('pages').appendChild(h('a', {}, name[0]?.toUpperCase() + name.slice(1)));
    anchor.setAttribute('href', writeState({ ...current(), ...toPage(name) }));
    if (name === page && run === '') anchor.setAttribute('aria-current', 'page');
    else anchor.removeAttribute('aria-current');
    if (!found) anchor.addEventListener('click', (event) => followLink(toPage(name))(event));
  }
}

/** Draws what the address says as soon as all of it is here; until then the links tell where one goes. */
async function show(): Promise<void> {
  const address = writeState(current());
  let early = '';
  // What the settings tell is drawn while the runs are on their way.
  const coming = need(() => {
    if (byId('overview').hidden || current().page !== 'overview' || writeState(current()) !== address) return;
    drawFigures(false);
    early = data.settingsOf;
  });
  drawLinks();
  drawn(false);
  if (await coming) {
    if (writeState(current()) !== address) return;
  }
  draw(false, early !== data.settingsOf);
  if (current().page === 'devices' && current().run === '') await drawBenches(byId('benches'));
  else leaveBenches();
}

/** Fetches and shows the run that the address names. */
async function openRun(focus: boolean): Promise<void> {
  const { run } = current();
  if (run === '') return;
  try {
    const found = await fetchRun(run);
    if (current().run !== run) return;
    data.detail = found;
    draw();
  } catch (error) {
    if (current().run !== run) return;
    data.detail = null;
    draw();
    drawNoRun((error as Error).message);
    drawn();
  }
  if (focus) document.getElementById('run-title')?.focus({ preventScroll: true });
}

/** Brings summaries of these runs up to date, and the figures where one of them ended. */
async function refresh(ids: readonly string[]): Promise<void> {
  const found = new Map((await fetchSome(ids)).map((run) => [run.id, run]));
  const before = new Map(data.runs.map((run) => [run.id, run]));
  data.runs = [...data.runs.filter(({ id }) => !found.has(id)), ...found.values()]
    .sort((a, b) => b.started - a.started || (a.id < b.id ? 1 : -1))
    .slice(0, MOST_RUNS);
  const isOver = ({ status }: { status: string }) => status !== 'running' && status !== 'queued';
  const moved = [...found.values()].some((run) => isOver(run) || !before.has(run.id));
  if (moved) await fetchAgain();
  if (current().run !== '') drawLive(data.runs);
  else if (moved) await show();
  else if (current().page === 'overview') draw();
  const open = data.detail && current().run === data.detail.id ? found.get(data.detail.id) : undefined;
  if (open && (open.status !== data.detail?.status || !inUse(byId('run')))) await openRun(false);
}

function problem(error: unknown): void {
  byId('main').setAttribute('aria-busy', 'false');
  byId('problem').hidden = false;
  fill(byId('problem'), error instanceof Error ? error.message : String(error));
}

/** Gathers the ids of a second, so that a lively bench does not make a request a token. */
function gather(pause: number, act: (ids: readonly string[]) => Promise<void>): (id: string) => void {
  const waiting = new Set<string>();
  let timer: number | null = null;
  const later = () => {
    timer = window.setTimeout(() => {
      timer = null;
      const ids = [...waiting].slice(0, 100);
      for (const done of ids) waiting.delete(done);
      if (waiting.size > 0) later();
      act(ids).catch(problem);
    }, pause);
  };
  return (id) => {
    waiting.add(id);
    if (timer === null) later();
  };
}

function follow(): void {
  const later = gather(1000, refresh);
  followLive(
    (news) => {
      liveNews(news);
      drawLive(data.runs);
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
  prepareTable(() => drawTable(filtered(data.runs)));
  onChange((before) => {
    const { run, page } = current();
    if (run !== before.run && run !== '') {
      leaveBenches();
      draw();
      drawn(data.detail?.id === run);
      scrollTo(0, 0);
      return void openRun(true);
    }
    show().catch(problem);
    if (run === before.run && page === before.page) return;
    byId('main').focus({ preventScroll: true });
    if (page !== before.page) scrollTo(0, 0);
  });
  byId('home').addEventListener('click', followLink(toPage('overview')));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => draw(true));
  drawLinks();
  // All side by side: none waits for another.
  await Promise.all([need(), needDevices(), openRun(false)]);
  if (data.problem !== null) problem(new Error(data.problem));
  await show();
  follow();
}

start().catch(problem);
