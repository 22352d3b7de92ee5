import { plain } from '../core/plain.ts';

/** HTML or SVG that was put together by `h`: all text in it is escaped. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Child = Markup | string | number | null | undefined | false | readonly Child[];
type Attributes = Readonly<Record<string, string | number | null | undefined | false>>;

const VOID = new Set(['meta', 'img', 'br', 'col']);

/** An element. Text and values of attributes come from anywhere: they are escaped, and no character in them is active. */
export function h(name: string, attributes: Attributes = {}, ...children: readonly Child[]): Markup {
  const written = Object.entries(attributes).flatMap(([key, value]) =>
    value === null || value === undefined || value === false ? [] : [` ${key}="${escaped(String(value))}"`],
  );
  const open = `<${name}${written.join('')}>`;
  return new Markup(VOID.has(name) ? open : `${open}${inner(children)}</${name}>`);
}

function inner(children: readonly Child[]): string {
  return children.map((child) => (child instanceof Markup ? child.text : Array.isArray(child) ? inner(child) : textOf(child as string))).join('');
}

function textOf(child: string | number | null | undefined | false): string {
  return child === null || child === undefined || child === false ? '' : escaped(String(child));
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escaped(text: string): string {
  return plain(text).replace(/[&<>"']/g, (found) => ENTITIES[found] as string);
}
