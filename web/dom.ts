import { plain } from '../src/core/plain.ts';

export type Child = Node | string | number | null | undefined | false | readonly Child[];
type Value = string | number | boolean | null | undefined | EventListener;

/**
 * An element: h('td', { class: 'number', onclick: open }, 'text'). Text is only ever text, and what would act in it (controls, marks that
 * turn the direction of writing) shows as an escape; there is no way to write markup. Attributes that begin with -- are custom properties.
 */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (name.startsWith('--')) element.style.setProperty(name, String(value));
    else element.setAttribute(name, value === true ? '' : plain(String(value)));
  }
  append(element, children);
  return element;
}

/** Puts these in place of what the element holds. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren();
  append(element, children);
}

/** Text of several lines, each made safe for itself. */
export function lines(text: string): string {
  return text.split('\n').map(plain).join('\n');
}

/** A preformatted block of text from a device. */
export function block(text: string, label: string): HTMLPreElement {
  const made = h('pre', { dir: 'ltr', tabindex: 0, role: 'region', 'aria-label': label });
  made.textContent = lines(text);
  return made;
}

/** The element of the static page with this id. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}

function append(element: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (child instanceof Node) element.append(child);
    else if (typeof child === 'object') append(element, child);
    else element.append(plain(String(child)));
  }
}
