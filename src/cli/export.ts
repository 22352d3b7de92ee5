import { Command } from 'commander';
import { FleetError, UsageError } from '../core/errors.ts';
import { contextOf } from './context.ts';
import { addFilter, filterOf } from './filter.ts';

/** `fleet export`: everything that is known of some runs as one file that another fleet imports. */
export function exportCommand(): Command {
  return addFilter(new Command('export').description('write an evidence bundle: runs with samples, traces, hashes and outputs, for another fleet'))
    .argument('[runs...]', 'ids of runs (default: all that fit the options)')
    .requiredOption('-o, --output <file>', 'the bundle, such as runs.fleet.gz')
    .addHelpText(
      'after',
      `
A bundle holds the facts of the devices too, with the names of their folders and kernels. Runs that are under way are left out.

Examples:
  $ fleet export -o all.fleet.gz
  $ fleet export --device pi5 --valid --since 7d -o pi5.fleet.gz
  $ fleet export 20261121-142530-k3x9qa -o one.fleet.gz
  $ fleet export --imported -o theirs.fleet.gz              pass on what was imported`,
    )
    .action(async (ids: string[], options: Parameters<typeof filterOf>[0] & { output: string }, command: Command) => {
      const context = contextOf(command);
      const { openStore } = await import('../store/store.ts');
      const { BundleWriter } = await import('../exchange/bundle.ts');
      const { replace } = await import('./replace.ts');
      const store = openStore(context.db, { readonly: true });
      try {
        const runs = store.runs({ ...filterOf(options), ...(ids.length > 0 ? { id: ids } : {}), prompts: false, metrics: [] });
        const unknown = ids.find((id) => !runs.some((run) => run.id === id));
        if (unknown !== undefined) throw new UsageError(`there is no run "${unknown}" in ${context.db} that fits the options; see fleet runs`);
        const writer = new BundleWriter();
        let written = 0;
        store.bundle(
          runs.map(({ id }) => id),
          (line) => {
            writer.add(line);
            if (line.line === 'run') written++;
          },
        );
        if (written === 0) throw new FleetError(`No run of ${context.db} that is over fits: nothing was written. See fleet runs.`);
        const bytes = writer.end();
        await replace(options.output, bytes);
        const open = runs.length - written;
        context.give(
          () => `${written} runs are in ${options.output} (${bytes.length} bytes)${open > 0 ? `; ${open} are under way and were left out` : ''}.\n`,
          { file: options.output, bytes: bytes.length, runs: written, unfinished: open },
        );
      } finally {
        store.close();
      }
    });
}
