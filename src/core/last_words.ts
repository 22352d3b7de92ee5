/** Most characters of a last line: it may be anything. */
const MOST = 500;

/** The last line a program wrote, where it says why it failed; '' where it wrote nothing. */
export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.slice(0, MOST) ?? '';
}

/** The last line a failed program wrote, or its status. */
export function lastWords(text: string, code: number | null): string {
  return lastLine(text) || `status ${code}`;
}
