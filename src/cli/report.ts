import { rename, writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { FleetError, reason } from '../core/errors.ts';
import { contextOf } from './context.ts';
import { addFilter, filterOf } from './filter.ts';

/** `fleet report`: runs as a document for other programs and people. */
export function reportCommand(): Command {
  return addFilter(new Command('report').description('write runs as markdown, csv, json or jsonl'))
    .addOption(new Option('-f, --format <name>', 'markdown, csv, json or jsonl').default('markdown'))
    .option('-o, --output <file>', 'write to a file (default: stdout)')
    .option('--full', 'with every sample, trace and output (json, jsonl)')
    .addHelpText(
      'after',
      '\nExamples:\n  $ fleet report\n  $ fleet report --format csv -o runs.csv --valid\n  $ fleet report --format jsonl --full --since 1d > runs.jsonl',
    )
    .action(async (options: Parameters<typeof filterOf>[0] & { format: string; output?: string; full?: boolean }, command: Command) => {
      const context = contextOf(command);
      const { openStore } = await import('../store/store.ts');
      const { render } = await import('../report/render.ts');
      const format = context.json && command.getOptionValueSource('format') === 'default' ? 'json' : options.format;
      render(format, []); // a wrong name is told before the database is read
      const store = openStore(context.db, { readonly: true });
      const runs = store.runs(filterOf(options));
      const text = render(format, options.full ? runs.map((run) => store.run(run.id) ?? run) : runs);
      store.close();
      if (options.output !== undefined) {
        await replace(options.output, text);
        context.give(`${runs.length} runs are in ${options.output}.\n`, { file: options.output, format, runs: runs.length });
      } else if (context.json && format !== 'json') {
        context.give('', { format, text });
      } else process.stdout.write(text);
    });
}

/** The whole file or none of it. */
async function replace(file: string, text: string): Promise<void> {
  try {
    await writeFile(`${file}.part`, text);
    await rename(`${file}.part`, file);
  } catch (error) {
    throw new FleetError(`${file} cannot be written: ${reason(error)}`);
  }
}
