/** Draws anew in `place`: what was folded open stays open, and focus and scrolling stay where they were. */
export function keeping(place: HTMLElement, act: () => void): void {
  const before = named(place);
  const open = new Set([...before].flatMap(([name, element]) => (element instanceof HTMLDetailsElement && element.open ? [name] : [])));
  const [focused] = [...before].find(([, element]) => element === document.activeElement) ?? [];
  const { scrollX, scrollY } = window;
  act();
  const after = named(place);
  for (const [name, element] of after)
    if (element instanceof HTMLDetailsElement && open.has(name)) {
      element.open = true;
      element.dispatchEvent(new Event('toggle')); // what is made when one looks stands there at once
    }
  if (focused !== undefined) after.get(focused)?.focus({ preventScroll: true });
  if (window.scrollX !== scrollX || window.scrollY !== scrollY) scrollTo(scrollX, scrollY); // only then: it ends a scrolling under way
}

/** Someone chooses or selects something in there: drawing anew would take it away. */
export function inUse(place: HTMLElement): boolean {
  const selected = getSelection();
  const select = document.activeElement instanceof HTMLSelectElement && place.contains(document.activeElement);
  return select || (selected !== null && !selected.isCollapsed && place.contains(selected.anchorNode));
}

/** What can be folded or have the focus, by what it is, the part that it stands in, and which of those it is. */
function named(place: HTMLElement): Map<string, HTMLElement> {
  const counts = new Map<string, number>();
  return new Map(
    [...place.querySelectorAll<HTMLElement>('details, summary, a, button, select, [tabindex]')].map((element) => {
      const part = element.closest('section');
      const name = [
        element.tagName,
        element.id,
        part?.getAttribute('aria-labelledby') ?? part?.getAttribute('aria-label'),
        element.getAttribute('aria-label'),
        element.getAttribute('href'),
      ].join('|');
      const nth = counts.get(name) ?? 0;
      counts.set(name, nth + 1);
      return [`${name}|${nth}`, element];
    }),
  );
}
