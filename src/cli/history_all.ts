import { type HistorySeries, histories } from '../core/history.ts';
import type { RunFilter } from '../core/store.ts';
import { wantsColour } from '../report/colour.ts';
import { historyText } from '../report/history.ts';
import { openStore } from '../store/store.ts';
import type { HistoryOptions } from './bench_options.ts';
import type { Context } from './context.ts';
import { confirmChanges } from './history_confirm.ts';

/** Shows every series; with `confirm` first measures where a change point waits for it. Exit status 1 where that failed. */
export async function showHistory(context: Context, filter: RunFilter, options: HistoryOptions): Promise<number> {
  const read = (): HistorySeries[] => {
    const store = openStore(context.db, { readonly: !options.confirm });
    const runs = store.history({ ...filter, valid: true });
    store.close();
    return histories(runs, { metrics: options.metric, across: options.across });
  };
  let series = read();
  let failed = false;
  if (options.confirm) {
    failed = !(await confirmChanges(context, series, options));
    series = read();
  }
  const { columns = 100 } = process.stdout;
  context.give(() => historyText(series, { width: columns, colour: wantsColour(process.stdout, process.env) }), { series });
  return failed ? 1 : 0;
}
