import { Command } from 'commander';
import { UsageError } from '../core/errors.ts';
import { contextOf } from './context.ts';

/** `fleet show`: one run in full. */
export function showCommand(): Command {
  return new Command('show')
    .description('show one run: conditions, metrics by prompt, flags with their evidence, outputs')
    .argument('<id>', 'the run\'s id or the beginning of it; "last" is the newest')
    .addHelpText('after', '\nExamples:\n  $ fleet show last\n  $ fleet show 20261121-142530-k3x9qa\n  $ fleet show last --json')
    .action(async (id: string, _options, command: Command) => {
      const context = contextOf(command);
      const { openStore } = await import('../store/store.ts');
      const { describeRun } = await import('./run_text.ts');
      const store = openStore(context.db, { readonly: true });
      try {
        const newest = store.runs({ ...(id === 'last' ? { limit: 1 } : { measured: 'anywhere' }), prompts: false, metrics: [] });
        const found = id === 'last' ? newest : newest.filter((run) => run.id === id || run.id.startsWith(id));
        const [first, second] = found;
        if (!first)
          throw new UsageError(id === 'last' ? `there is no run in ${context.db} yet` : `there is no run "${id}" in ${context.db}; see fleet runs`);
        if (second && first.id !== id) throw new UsageError(`${found.length} runs begin with "${id}"; write more of the id`);
        const run = store.run(first.id);
        if (run) context.give(() => describeRun(run), { run });
      } finally {
        store.close();
      }
    });
}
