import { Command, Option } from 'commander';
import { contextOf } from './context.ts';
import { addFilter, filterOf } from './filter.ts';
import type { ReportOptions } from './report_file.ts';

const NAMES = 'markdown, html, csv, json, jsonl, sqlite, bencher, github-bigger, github-smaller or prometheus';

/** `fleet report`: runs as a document for other programs and people. */
export function reportCommand(): Command {
  return addFilter(new Command('report').description('write runs as a document: a page with charts, a table, or what other programs read'))
    .addOption(new Option('-f, --format <name>', NAMES).default('markdown'))
    .option('-o, --output <file>', 'write to a file (default: stdout; sqlite needs one)')
    .option('--full', 'with every sample, trace and output (json, jsonl)')
    .option('--no-published', 'without the rows that others published (html)')
    .addHelpText(
      'after',
      `
html is one file without scripts that loads nothing: open it from a disk, put it on a server, send it in a mail.

Examples:
  $ fleet report --format html -o report.html
  $ fleet report -o report.md                       with report.svg beside it
  $ fleet report --format csv -o runs.csv --valid
  $ fleet report --format jsonl --full --since 1d > runs.jsonl
  $ fleet report --format sqlite --device pi5 -o pi5.db
  $ fleet report --format bencher | bencher run --adapter json --file /dev/stdin`,
    )
    .action(async (options: Parameters<typeof filterOf>[0] & ReportOptions, command: Command) => {
      const context = contextOf(command);
      const { report } = await import('./report_file.ts');
      const given = command.getOptionValueSource('format') !== 'default';
      await report(context, filterOf(options), { ...options, format: context.json && !given ? 'json' : options.format });
    });
}
