import { FLAGS, type FlagName } from '../src/core/flags.ts';
import type { RunStatus, RunSummary } from '../src/core/run.ts';
import { h } from './dom.ts';

const MARKS: Record<RunStatus, string> = { ok: '✓', running: '▸', queued: '…', failed: '✕', cancelled: '⊘', interrupted: '!' };

/** The status of a run: a sign, a word and a colour. */
export function statusChip(status: RunStatus): HTMLElement {
  return h('span', { class: `chip status-${status}` }, h('span', { 'aria-hidden': 'true' }, `${MARKS[status] ?? '?'} `), status);
}

/** A flag; what it means shows when the pointer rests on it, and in the list below the table. */
export function flagChip(name: FlagName): HTMLElement {
  const flag = FLAGS.find((row) => row.name === name);
  return h('span', { class: `chip ${flag?.invalid === false ? 'flag-note' : 'flag-invalid'}`, title: flag?.meaning }, name);
}

/** What the flags of these runs mean, each once. */
export function flagMeanings(runs: readonly Pick<RunSummary, 'flags'>[]): HTMLElement | null {
  const found = FLAGS.filter(({ name }) => runs.some(({ flags }) => flags.includes(name)));
  if (found.length === 0) return null;
  return h(
    'dl',
    { class: 'meanings' },
    found.map(({ name, meaning }) => h('div', {}, h('dt', {}, flagChip(name)), h('dd', {}, meaning))),
  );
}
