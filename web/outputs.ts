import { groupsBy } from '../src/core/groups.ts';
import type { StoredEvent, StoredOutput } from '../src/core/store.ts';
import { block, type Child, h } from './dom.ts';
import { plural } from './numbers.ts';

/** What was generated: equal answers once, with how often they came. */
export function outputs(all: readonly StoredOutput[]): Child {
  if (all.length === 0) return null;
  const groups = groupsBy(all, ({ prompt, hash, text }) => JSON.stringify([prompt, hash, text]));
  return h(
    'section',
    { 'aria-labelledby': 'outputs-title' },
    h('h3', { id: 'outputs-title' }, 'Output'),
    h(
      'div',
      { class: 'outputs' },
      groups.map((same) => {
        const { prompt, tokens, hash, text } = same[0];
        return h(
          'div',
          { class: 'panel' },
          h('h4', {}, prompt),
          h('p', { class: 'note' }, `${plural(tokens, 'token')} · the same in ${plural(same.length, 'request')} · hash ${hash}`),
          block(text, `Output of ${prompt}`),
        );
      }),
    ),
  );
}

/** The last records of the journal that are neither sample nor trace. */
export function journalTail(events: readonly StoredEvent[]): Child {
  if (events.length === 0) return null;
  const text = events
    .map(({ seq, mono, kind, data }) => `${String(seq).padStart(5)}  ${mono.toFixed(2).padStart(10)} s  ${kind.padEnd(7)} ${words(data)}`)
    .join('\n');
  return h('details', { class: 'journal' }, h('summary', {}, `Journal: the last ${plural(events.length, 'event')}`), block(text, 'Journal'));
}

function words(data: Record<string, unknown>): string {
  return Object.entries(data)
    .filter(([name]) => !['kind', 'seq', 'wall', 'mono'].includes(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
    .replaceAll('\n', '\\n');
}
