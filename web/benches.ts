import type { BenchJob, BenchQueue } from '../src/core/bench_job.ts';
import { askBench, fetchBenches, stopBench } from './api.ts';
import { type Child, fill, h } from './dom.ts';
import { ago, plural } from './numbers.ts';
import { untilReleased } from './press.ts';

/** Milliseconds between two looks at the queue while something in it moves. */
const LOOK = 1000;

let queue: BenchQueue | null = null;
let place: HTMLElement | null = null;
let timer = 0;
/** What the form holds, for it is drawn anew. */
const form = { device: '', toolchain: '', model: '', suite: 'smoke', threads: '' };
let told: { text: string; bad: boolean } | null = null;

/** Asking for a bench, and the queue with what became of each. */
export async function drawBenches(where: HTMLElement): Promise<void> {
  place = where;
  await look();
}

/** Nobody looks at the queue any more. */
export function leaveBenches(): void {
  place = null;
  clearTimeout(timer);
}

async function look(): Promise<void> {
  clearTimeout(timer);
  try {
    queue = await fetchBenches();
  } catch (error) {
    told = { text: (error as Error).message, bad: true };
  }
  render();
  if (place && queue?.jobs.some(({ ended }) => ended === null)) timer = window.setTimeout(() => void look(), LOOK);
}

function render(): void {
  if (!place || !queue || untilReleased(render)) return;
  const focus =
    document.activeElement instanceof HTMLElement && place.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  fill(
    place,
    h('h2', { id: 'benches-title' }, 'Bench'),
    queue.devices.length === 0
      ? h('p', { class: 'empty' }, 'This server only shows. `fleet serve` on the machine that reaches the devices benches from here, too.')
      : [ask(queue), told && h('p', { class: told.bad ? 'problem' : 'message', role: 'status' }, told.text), jobs(queue.jobs)],
  );
  if (focus) place.querySelector<HTMLElement>(`[data-focus="${CSS.escape(focus)}"]`)?.focus();
}

function ask({ devices, toolchains, models, suites }: BenchQueue): HTMLElement {
  const choose = (name: 'device' | 'toolchain' | 'model' | 'suite', options: readonly string[], none?: string) => {
    if (form[name] === '' && none === undefined) form[name] = options[0] ?? '';
    const values = none === undefined ? [...options] : ['', ...options];
    const select = h(
      'select',
      {
        id: `bench-${name}`,
        'data-focus': `bench-${name}`,
        onchange: () => {
          form[name] = values[select.selectedIndex] ?? '';
        },
      },
      values.map((value) => h('option', { selected: value === form[name] }, value === '' ? none : value)),
    );
    return h('label', { class: 'pick' }, h('span', {}, name), select);
  };
  const threads = h('input', {
    ...{ id: 'bench-threads', 'data-focus': 'bench-threads', type: 'number', min: 1, max: 512, value: form.threads, placeholder: 'all' },
    oninput: () => {
      form.threads = threads.value;
    },
  });
  return h(
    'form',
    {
      ...{ class: 'filters', 'aria-labelledby': 'benches-title' },
      onsubmit: (event: Event) => {
        event.preventDefault();
        void submit();
      },
    },
    choose('device', devices),
    choose('toolchain', toolchains),
    choose('model', models, "the suite's"),
    choose('suite', suites),
    h('label', { class: 'pick' }, h('span', {}, 'threads'), threads),
    h('button', { class: 'act', type: 'submit', 'data-focus': 'bench-start' }, queue?.jobs.some(({ ended }) => ended === null) ? 'Queue' : 'Start'),
  );
}

async function submit(): Promise<void> {
  const { device, toolchain, model, suite, threads } = form;
  await act(async () => {
    const job = await askBench({ device, toolchain, suite, model: model || null, threads: threads === '' ? null : Number(threads) });
    return job.state === 'waiting' ? `${device} waits for those before it.` : `${device} begins.`;
  });
}

async function act(doing: () => Promise<string>): Promise<void> {
  try {
    told = { text: await doing(), bad: false };
  } catch (error) {
    told = { text: (error as Error).message, bad: true };
  }
  await look();
}

function jobs(all: readonly BenchJob[]): Child {
  if (all.length === 0) return null;
  return h(
    'ol',
    { class: 'jobs', 'aria-label': 'Benches asked for here' },
    all.map((job) => {
      const { id, request, state, asked, message, ended } = job;
      const { device, toolchain, model, suite, threads } = request;
      return h(
        'li',
        { class: 'job', 'data-job': id },
        h('span', { class: `chip job-${state}` }, state),
        h('span', {}, [device, suite, toolchain, model, threads !== null && plural(threads, 'thread')].filter(Boolean).join(' · ')),
        h('span', { class: 'note' }, ago(asked)),
        ended === null &&
          h(
            'button',
            {
              ...{
                type: 'button',
                class: 'more',
                'data-focus': `stop-${id}`,
                'aria-label': `${state === 'waiting' ? 'Take out' : 'Stop'} the bench of ${device}`,
              },
              onclick: () => void act(async () => `${device}: ${(await stopBench(id)).state}`),
            },
            state === 'waiting' ? 'Take out' : 'Stop',
          ),
        message !== null && h('span', { class: 'note job-message' }, message),
      );
    }),
  );
}
