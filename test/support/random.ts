export { seeded } from '../../src/core/random.ts';

/** Any finite double, by its bits: subnormal, huge and negative ones too. */
export function anyDouble(random: () => number): number {
  const view = new DataView(new ArrayBuffer(8));
  for (;;) {
    view.setUint32(0, Math.floor(random() * 2 ** 32));
    view.setUint32(4, Math.floor(random() * 2 ** 32));
    if (Number.isFinite(view.getFloat64(0))) return view.getFloat64(0);
  }
}

/** A standard normal value (Box and Muller), from numbers in [0, 1). */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
