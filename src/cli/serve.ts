import { Command, Option } from 'commander';
import { whole } from './arguments.ts';
import { contextOf } from './context.ts';
import type { ServeOptions } from './serve_until.ts';

/** `fleet serve`: the dashboard. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('show the runs in a browser, with live progress')
    .addOption(new Option('-p, --port <port>', 'port (default: 4780); 0: any that is free').argParser(whole(0, 65535)))
    .option('--host <address>', 'address to listen on (default: 127.0.0.1); at another, whoever has the token can read your results and bench')
    .addOption(new Option('--token <text>', 'the token that another address than 127.0.0.1 needs (default: a new one)').env('FLEET_TOKEN'))
    .option('--no-bench', 'only show: nobody benches from the page')
    .addHelpText('after', '\nExamples:\n  $ fleet serve\n  $ fleet serve --port 0 --db other.db\n  $ fleet serve --host 0.0.0.0')
    .action(async (options: ServeOptions, command: Command) => {
      const context = contextOf(command);
      const { serve } = await import('./serve_until.ts');
      await serve(context, options);
    });
}
