import { Command } from 'commander';
import { contextOf } from './context.ts';
import { addFilter, filterOf } from './filter.ts';

/** `fleet runs`: the table of what has been measured. */
export function runsCommand(): Command {
  return addFilter(new Command('runs').description('list what has been measured, the newest first'), 50)
    .option('--fetch', 'first fetch the runs that earlier calls left on their devices')
    .addHelpText(
      'after',
      '\nExamples:\n  $ fleet runs\n  $ fleet runs --device pi5 --valid --since 7d\n  $ fleet runs --status failed --json\n  $ fleet runs --fetch',
    )
    .action(async (options: Parameters<typeof filterOf>[0] & { fetch?: boolean }, command: Command) => {
      const context = contextOf(command);
      const { openStore } = await import('../store/store.ts');
      const { table } = await import('../report/table.ts');
      const { wantsColour } = await import('../report/colour.ts');
      if (options.fetch) {
        const { fetchEarlier } = await import('./fetch.ts');
        process.exitCode = await fetchEarlier(context);
      }
      const store = openStore(context.db, { readonly: true });
      const runs = store.runs(filterOf(options));
      store.close();
      const ids = (): string => (runs.length > 0 ? `\nOne run in full: fleet show ${runs[0]?.id}\n` : '');
      context.give(() => table(runs, { width: process.stdout.columns ?? 100, colour: wantsColour(process.stdout, process.env), ids: true }) + ids(), {
        runs,
      });
    });
}
