import { median } from './stats.ts';

/** One request of a sustained run: when it began, s since the first, and its decode rate. */
export interface Stretch {
  begin: number;
  rate: number;
}

export interface Sustained {
  burst: number;
  sustained: number;
  /** Null where it never came. */
  throttled: number | null;
}

const MINUTE = 60;
/** A rate below this share of the first minute's is throttled; so many requests in a row must show it. */
const SHARE = 0.95;
const ROW = 3;

/** What became of the speed; null for fewer than three requests, of which nothing can be said. */
export function sustainedOf(stretches: readonly Stretch[]): Sustained | null {
  const last = stretches.at(-1);
  if (!last || stretches.length < ROW) return null;
  const rates = (from: number, to: number) => stretches.filter(({ begin }) => begin >= from && begin <= to).map(({ rate }) => rate);
  const burst = median(rates(0, MINUTE));
  const sustained = median(rates((last.begin * 2) / 3, last.begin));
  const slow = stretches.findIndex(
    (_, i) => i + ROW <= stretches.length && median(stretches.slice(i, i + ROW).map(({ rate }) => rate)) < SHARE * burst,
  );
  return { burst, sustained, throttled: slow < 0 ? null : (stretches[slow] as Stretch).begin };
}
