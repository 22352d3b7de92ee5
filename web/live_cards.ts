import type { RunSummary } from '../src/core/run.ts';
import type { RunProgress } from '../src/core/store.ts';
import { byId, fill, h } from './dom.ts';
import { follow } from './links.ts';
import { ago, figure, plural, threadsOf } from './numbers.ts';
import { untilReleased } from './press.ts';
import { current } from './state.ts';

/** Rates drawn behind the newest one. */
const TRAIL = 40;
/** Milliseconds of silence after which a card says so. */
const SILENCE = 60_000;

interface Card {
  progress: RunProgress;
  rates: number[];
  lastSeq: number;
  element: HTMLElement;
}
const cards = new Map<string, Card>();

const DOING: Record<string, string> = {
  model: 'preparing the model',
  check: 'checking every kernel',
  golden: 'checking golden tokens',
  tune: 'measuring which layout suits the processor',
  limits: 'measuring what its memory delivers',
  load: 'loading the model',
  warmup: 'warming up',
  measure: 'measuring',
  memory: 'watching memory',
};

/** Takes in news of runs; gives whether one of them ended or is new. */
export function liveNews(news: readonly RunProgress[]): boolean {
  let moved = false;
  for (const progress of news) {
    const known = cards.get(progress.id);
    const over = progress.status !== 'running' && progress.status !== 'queued';
    if (over) {
      moved ||= true;
      cards.delete(progress.id);
      if (known) say(`${progress.device}: ${progress.status}`);
      continue;
    }
    moved ||= !known;
    const card = known ?? { progress, rates: [], lastSeq: -1, element: h('div', { class: 'live-card', 'data-run': progress.id }) };
    if (progress.decodeRate !== null && progress.decodeRate !== card.rates.at(-1)) card.rates = [...card.rates, progress.decodeRate].slice(-TRAIL);
    const step = ({ phase }: RunProgress) => `${phase?.phase} ${phase?.detail}`;
    if (!known || step(known.progress) !== step(progress)) say(`${progress.device}: ${doing(progress)}`);
    cards.set(progress.id, { ...card, progress });
  }
  return moved;
}

/** The runs that are under way, by device. */
export function runningNow(): Map<string, RunProgress> {
  return new Map([...cards.values()].map(({ progress }) => [progress.device, progress]));
}

/** Draws the cards on the pages that are of devices, or only that of the run that is open; `runs` tells what each one is. */
export function drawLive(runs: readonly RunSummary[]): void {
  if (untilReleased(() => drawLive(runs))) return;
  const { run: open, page } = current();
  for (const [id, { element }] of cards) element.hidden = open === '' ? page !== 'overview' && page !== 'devices' : open !== id;
  byId('live').hidden = ![...cards.values()].some(({ element }) => !element.hidden);
  const place = byId('live-cards');
  for (const { element } of cards.values()) if (element.parentNode !== place) place.append(element);
  for (const child of [...place.children]) if (![...cards.values()].some(({ element }) => element === child)) child.remove();
  for (const card of cards.values())
    drawCard(
      card,
      runs.find(({ id }) => id === card.progress.id),
    );
}

function drawCard({ progress, rates, element }: Card, run: RunSummary | undefined): void {
  const { id, device, decodeRate, phase, heard } = progress;
  const focused = element.contains(document.activeElement);
  const silent = heard !== null && Date.now() - heard > SILENCE;
  element.classList.toggle('silent', silent);
  fill(
    element,
    h(
      'div',
      { class: 'live-what' },
      h('a', { href: `?run=${encodeURIComponent(id)}`, onclick: follow({ run: id }) }, device),
      run && h('span', { class: 'note' }, `${run.model} · ${run.toolchain} · ${threadsOf(run)}`),
    ),
    h('div', { class: 'live-rate' }, decodeRate === null ? '' : [h('strong', {}, figure(decodeRate)), ' tokens/s'], trail(rates)),
    h(
      'div',
      { class: 'live-step' },
      h(
        'span',
        {},
        doing(progress),
        phase?.done !== null && phase?.total ? ` · ${phase.done} of ${phase.total}` : '',
        phase?.tokens ? ` · ${plural(phase.tokens, 'token')}` : '',
      ),
      phase?.total
        ? h('progress', { max: phase.total, value: phase.done ?? 0, 'aria-label': `${device}: ${doing(progress)}` })
        : h('progress', { 'aria-label': `${device}: ${doing(progress)}` }),
      silent && heard !== null && h('span', { class: 'note' }, `last news ${ago(heard)}; the next bench of ${device} takes it up again`),
    ),
  );
  if (focused) element.querySelector('a')?.focus();
}

function doing({ status, phase }: RunProgress): string {
  if (!phase) return status === 'queued' ? 'waiting to start' : 'starting';
  return [DOING[phase.phase] ?? phase.phase, phase.detail].filter(Boolean).join(' ');
}

/** The last rates as a small line without figures; the figure stands before it. */
function trail(rates: readonly number[]): SVGSVGElement | null {
  if (rates.length < 3) return null;
  const [low, high] = [Math.min(...rates), Math.max(...rates)];
  const points = rates.map((rate, i) => `${((i / (rates.length - 1)) * 80).toFixed(1)},${(18 - ((rate - low) / (high - low || 1)) * 16).toFixed(1)}`);
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 80 20');
  svg.setAttribute('class', 'trail');
  svg.setAttribute('aria-hidden', 'true');
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
  line.setAttribute('points', points.join(' '));
  svg.append(line);
  return svg;
}

function say(sentence: string): void {
  fill(byId('live-news'), sentence);
}
