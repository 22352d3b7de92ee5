/**
 * Characters that do something instead of showing something: C0 and C1 controls (terminal escapes begin with them), DEL, line and
 * paragraph separators, marks that turn the direction of writing, invisible ones, and halves of surrogate pairs.
 */
const ACTIVE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Cs}/gu;

/** Text from a device or a file made safe for one line of a terminal or a report: every active character becomes a visible escape (\u001b). */
export function plain(text: string): string {
  return text.replace(ACTIVE, escaped);
}

/** JSON text in which no active character stands as itself; it parses to the same value. */
export function plainJson(value: unknown, space?: number): string {
  // outside of its strings JSON has no active characters but the newlines that we asked for
  return JSON.stringify(value, null, space).replace(ACTIVE, (found) => (found === '\n' ? found : units(found)));
}

/** Cuts to so many characters, with an ellipsis where something was cut. */
export function clip(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, Math.max(0, length - 1)).join('')}…`;
}

function escaped(found: string): string {
  return found.codePointAt(0) === 0x0a ? '\\n' : found === '\t' ? '\\t' : units(found);
}

/** Each UTF-16 unit as \uXXXX: what JSON can read back. */
function units(found: string): string {
  return Array.from({ length: found.length }, (_, i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');
}
