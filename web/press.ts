let pressed = false;
const waiting = new Set<() => void>();

function release(): void {
  pressed = false;
  setTimeout(() => {
    if (pressed) return; // again, before its turn came
    const acts = [...waiting];
    waiting.clear();
    for (const act of acts) act();
  });
}

addEventListener(
  'pointerdown',
  () => {
    pressed = true;
  },
  true,
);
for (const end of ['pointerup', 'pointercancel']) addEventListener(end, release, true);
addEventListener('blur', release); // of the window: that of an element does not come here
addEventListener(
  'pointermove',
  ({ buttons }) => {
    if (pressed && buttons === 0) release(); // it was let go where nobody told us
  },
  true,
);

/**
 * True while a button or a finger is down; `act` is then done once it is up and its click has come. What is pressed must still stand there when
 * it is let go, or the press counts for nothing: a page that news draw anew would lose clicks.
 */
export function untilReleased(act: () => void): boolean {
  if (pressed) waiting.add(act);
  return pressed;
}
