import { Command, Option } from 'commander';
import { UsageError } from '../core/errors.ts';
import { contextOf } from './context.ts';
import type { ImportOptions } from './import_all.ts';

/** `fleet import`: runs of another fleet or another program, kept apart from our own. */
export function importCommand(): Command {
  return new Command('import')
    .description('read evidence bundles, llama-bench (json, jsonl, sql) and hyperfine files; their runs stay apart from those measured here')
    .argument('[files...]', 'files to import; each is stored whole or not at all')
    .addOption(new Option('-f, --format <name>', 'what the files are (default: found out)'))
    .option('-d, --device <name>', 'what the machine is called where the file does not say it well')
    .option('-m, --model <name>', 'the same of the model')
    .option('--title <text>', 'what the file is called here (default: its name)')
    .option('--dry-run', 'read and check the files, store nothing')
    .option('--list', 'list what was imported')
    .addHelpText(
      'after',
      `
Imported runs belong to devices named device@origin. fleet runs, reports and charts leave them out unless asked for with --imported.

Examples:
  $ fleet import theirs.fleet.gz
  $ llama-bench -m model.gguf -o json > b.json; fleet import b.json --device my-laptop
  $ fleet runs --imported
  $ fleet import --list`,
    )
    .action(async (files: string[], options: ImportOptions, command: Command) => {
      if (files.length === 0 && !options.list) throw new UsageError('name a file to import, or --list what was imported');
      const { importAll } = await import('./import_all.ts');
      process.exitCode = await importAll(contextOf(command), files, options);
    });
}
