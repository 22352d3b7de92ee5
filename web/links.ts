import { h } from './dom.ts';
import { current, go, type State, writeState } from './state.ts';

/** A link to another state of the page; a plain click does not load the page anew, one with a modifier still opens another tab. */
export function link(change: Partial<State>, text: string, looks: string | null = null): HTMLAnchorElement {
  return h('a', { class: looks, href: writeState({ ...current(), ...change }), onclick: follow(change) }, text);
}

export function follow(change: Partial<State>): EventListener {
  return (event) => {
    const click = event as MouseEvent;
    if (click.metaKey || click.ctrlKey || click.shiftKey || click.button !== 0) return;
    event.preventDefault();
    go(change);
  };
}
