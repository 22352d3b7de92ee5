import { Command } from 'commander';
import { BASELINE_NAME, type Baseline } from '../core/baseline.ts';
import { EPOCH_CAUSES } from '../core/epoch.ts';
import { UsageError } from '../core/errors.ts';
import { nearest } from '../fleet/nearest.ts';
import { list } from './arguments.ts';
import { type Context, contextOf } from './context.ts';
import { addFilter, filterOf } from './filter.ts';

type Filter = Parameters<typeof filterOf>[0];

/** `fleet baseline`: names for runs that later ones are held against. */
export function baselineCommand(): Command {
  const command = new Command('baseline').description('name runs that later ones are held against (fleet check, fleet history)').addHelpText(
    'after',
    `
A baseline is of its environment: a new epoch asks for a new baseline. An epoch begins when one of these changes:
${EPOCH_CAUSES.map(({ name, meaning }) => `  ${name.padEnd(14)}${meaning}`).join('\n')}

Examples:
  $ fleet baseline set v1 --device rpi5 --since 1d
  $ fleet baseline ls
  $ fleet check --against v1 --max-regression 3%`,
  );
  command.addCommand(setCommand());
  command.addCommand(
    new Command('ls').description('list baselines').action(async (_options: object, command: Command) => {
      const context = contextOf(command);
      const baselines = await stored(context);
      const { baselineList, baselineJson } = await import('./baseline_text.ts');
      context.give(() => baselineList(baselines), { baselines: baselines.map(baselineJson) });
    }),
  );
  command.addCommand(
    new Command('show')
      .description('show the runs of a baseline, their environment and code')
      .argument('<name>', 'as fleet baseline ls tells it')
      .action(async (name: string, _options: object, command: Command) => {
        const context = contextOf(command);
        const baseline = named(await stored(context), name);
        const { baselineCard, baselineJson } = await import('./baseline_text.ts');
        context.give(() => baselineCard(baseline), { baseline: baselineJson(baseline) });
      }),
  );
  command.addCommand(
    new Command('rm')
      .description('forget a baseline; its runs stay')
      .argument('<name>', 'as fleet baseline ls tells it')
      .action(async (name: string, _options: object, command: Command) => {
        const context = contextOf(command);
        named(await stored(context), name);
        const { openStore } = await import('../store/store.ts');
        const store = openStore(context.db);
        store.removeBaseline(name);
        store.close();
        context.give(`baseline ${name} is forgotten; its runs stay\n`, { removed: name });
      }),
  );
  return command;
}

function setCommand(): Command {
  return addFilter(new Command('set').description('give runs a name; a baseline of that name is replaced'))
    .argument('<name>', 'letters, digits, dot, dash, slash and underscore')
    .option('--run <ids>', 'these runs (default: every valid run that the other options leave)', list)
    .addHelpText('after', '\nExamples:\n  $ fleet baseline set v1\n  $ fleet baseline set pi/clang-19 -d rpi5 -c clang-19 --since 2026-11-01')
    .action(async (name: string, { run, ...options }: Filter & { run?: string[] }, command: Command) => {
      const context = contextOf(command);
      if (!BASELINE_NAME.test(name)) throw new UsageError(`"${name}" cannot be the name of a baseline: up to 64 letters, digits, . _ - and /`);
      if (options.invalid) throw new UsageError('a baseline holds valid runs only; leave --invalid out');
      const { openStore } = await import('../store/store.ts');
      const { baselineCard, baselineJson } = await import('./baseline_text.ts');
      const store = openStore(context.db);
      try {
        const runs = store.runs({ ...filterOf(options), ...(run && { id: run }), valid: true });
        const missing = run?.find((id) => !runs.some((found) => found.id === id));
        if (missing !== undefined) throw new UsageError(`there is no valid run "${missing}" in ${context.db}; see fleet runs --valid`);
        if (runs.length === 0) throw new UsageError(`no valid run in ${context.db} is meant: make one with fleet bench, or see fleet runs --valid`);
        const replaced = store.setBaseline(
          name,
          runs.map(({ id }) => id),
        );
        const baseline = named(store.baselines(), name);
        if (replaced) context.say(`fleet: another baseline was called ${name}; it is replaced.`);
        context.give(() => baselineCard(baseline), { baseline: baselineJson(baseline), replaced });
      } finally {
        store.close();
      }
    });
}

async function stored({ db }: Context): Promise<Baseline[]> {
  const { openStore } = await import('../store/store.ts');
  const store = openStore(db, { readonly: true });
  try {
    return store.baselines();
  } finally {
    store.close();
  }
}

/** The one of a name. Throws a UsageError with the nearest name. */
export function named(baselines: readonly Baseline[], name: string): Baseline {
  const found = baselines.find((baseline) => baseline.name === name);
  if (found) return found;
  const names = baselines.map((baseline) => baseline.name);
  const near = nearest(name, names);
  const hint = near ? `did you mean "${near}"?` : names.length > 0 ? `known: ${names.join(', ')}` : 'make one with fleet baseline set NAME';
  throw new UsageError(`there is no baseline "${name}"; ${hint}`);
}
