import { Command, Option } from 'commander';
import { GRADES, type Grade } from '../core/grades.ts';
import type { Published } from '../core/published.ts';
import { contextOf } from './context.ts';

interface PublishedOptions {
  device?: string;
  model?: string;
  metric?: string;
  grade?: Grade;
}

/** `fleet published`: what others published, each figure with its source and grade. */
export function publishedCommand(): Command {
  return new Command('published')
    .description('list what others published, each figure with its source and a grade of trust')
    .option('-d, --device <text>', 'of devices whose name has this in it')
    .option('-m, --model <text>', 'of models whose name has this in it')
    .option('--metric <name>', 'of this metric, such as decode_rate')
    .addOption(new Option('-g, --grade <grade>', 'of this grade or a better one').choices(Object.keys(GRADES)))
    .addHelpText('after', '\nExamples:\n  $ fleet published\n  $ fleet published --device "pi 5" --grade B\n  $ fleet published --json')
    .action(async (options: PublishedOptions, command: Command) => {
      const context = contextOf(command);
      const { default: file } = await import('../data/published.json', { with: { type: 'json' } });
      const { publishedOf } = await import('../core/published.ts');
      const { publishedTable } = await import('../report/published.ts');
      const { wantsColour } = await import('../report/colour.ts');
      const found = narrowed(publishedOf(file), options);
      context.give(() => publishedTable(found, { width: process.stdout.columns ?? 100, colour: wantsColour(process.stdout, process.env) }), found);
    });
}

function narrowed({ retrieved, rows, stories }: Published, { device, model, metric, grade = 'D' }: PublishedOptions): Published {
  const has = (text: string, part: string | undefined) => part === undefined || text.toLowerCase().includes(part.toLowerCase());
  const kept = rows.filter(
    (row) => has(row.device, device) && has(row.model, model) && (metric === undefined || row.metric === metric) && row.grade <= grade,
  );
  return { retrieved, rows: kept, stories: stories.filter(({ id }) => kept.some(({ story }) => story === id)) };
}
