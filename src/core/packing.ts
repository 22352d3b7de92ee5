/** How an engine packed its weights, from its `ready` event, and whether `trit tune` had measured what suits the machine. */
export function packing({ layouts, tuned, tuned_ratio: ratio }: Record<string, unknown>): string {
  if (typeof layouts !== 'string') return '';
  if (tuned !== true) return layouts;
  return `${layouts} (${typeof ratio === 'number' ? `tuned: t5 takes ${ratio.toFixed(2)} of the time of t2` : 'tuned'})`;
}
