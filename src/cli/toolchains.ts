import { Command } from 'commander';
import { TARGETS } from '../core/build.ts';
import { contextOf } from './context.ts';

/** `fleet toolchains`: what can be compiled here, with what. */
export function toolchainsCommand(): Command {
  return new Command('toolchains')
    .description('list compilers: version, targets they build for here, and how to install the others')
    .addHelpText('after', '\nExamples:\n  $ fleet toolchains\n  $ fleet toolchains --json')
    .action(async (_options: object, command: Command) => {
      const context = contextOf(command);
      const { listToolchains } = await import('../fleet/toolchains.ts');
      const { FLAG_SETS } = await import('../fleet/flag_sets.ts');
      const { grid } = await import('./grid.ts');
      const toolchains = await listToolchains(TARGETS);
      const rows = toolchains.map(({ name, version, targets, install }) => [name, version ?? `absent: ${install}`, targets.join(', ')]);
      const sets = FLAG_SETS.map(({ name, meaning }) => [name, meaning]);
      // One way to install serves several compilers: it is told once.
      const ways = new Map<string, { target: string; names: string[] }>();
      for (const { name, missing } of toolchains)
        for (const { target, install } of missing) {
          const way = ways.get(install) ?? { target, names: [] };
          ways.set(install, { target, names: [...way.names, name] });
        }
      const more = [...ways].map(([install, { target, names }]) => [names.join(', '), target, install]);
      const rest = more.length > 0 ? `\n${grid(['not yet with', 'for', 'install'], more)}` : '';
      context.give(() => `${grid(['toolchain', 'version', 'builds for'], rows)}${rest}\n${grid(['flag set', 'meaning'], sets)}`, {
        toolchains,
        flag_sets: FLAG_SETS,
      });
    });
}
