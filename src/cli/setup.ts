import { Command } from 'commander';
import { contextOf } from './context.ts';

/** `fleet setup`: the launcher has installed and bundled by the time this runs. */
export function setupCommand(): Command {
  return new Command('setup')
    .description('install and bundle what fleet needs, and do nothing else')
    .addHelpText('after', '\nExamples:\n  $ fleet setup\n  $ fleet setup --json')
    .action((_options, command: Command) => {
      const { give, root, say, json } = contextOf(command);
      if (json) give('', { ready: true, root });
      else say('fleet is ready.');
    });
}
