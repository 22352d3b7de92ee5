import { Argument, Command } from 'commander';
import { UsageError } from '../core/errors.ts';
import { contextOf } from './context.ts';

const SHELLS = ['bash', 'zsh', 'fish'];

/** `fleet completion`: a script made from the command tree; `values` is what the scripts ask for names that may change. */
export function completionCommand(): Command {
  return new Command('completion')
    .description('print a completion script for bash, zsh or fish')
    .addArgument(new Argument('<shell>', 'bash, zsh or fish'))
    .addArgument(new Argument('[kind]', 'with "values": device, model, suite, toolchain, target, format or status'))
    .addHelpText(
      'after',
      `
Examples:
  $ source <(fleet completion bash)                                   this bash
  $ fleet completion bash > ~/.local/share/bash-completion/completions/fleet
  $ fleet completion zsh > "\${fpath[1]}/_fleet"
  $ fleet completion fish > ~/.config/fish/completions/fleet.fish`,
    )
    .action(async (shell: string, kind: string | undefined, _options, command: Command) => {
      const context = contextOf(command);
      if (shell === 'values') {
        const { valuesOf } = await import('./completion_values.ts');
        const values = await valuesOf(context, kind ?? '');
        context.give(values.map((value) => `${value}\n`).join(''), { values });
        return;
      }
      if (!SHELLS.includes(shell)) throw new UsageError(`there is no completion for "${shell}"; there is one for ${SHELLS.join(', ')}`);
      const { scriptFor } = await import('./completion_script.ts');
      const script = scriptFor(shell, command.parent as Command);
      context.give(script, { shell, script });
    });
}
