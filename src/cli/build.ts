import { Command, Option } from 'commander';
import { TARGETS, type Target } from '../core/build.ts';
import { reason, UsageError } from '../core/errors.ts';
import { quantity } from '../core/format.ts';
import { plain } from '../core/plain.ts';
import { list } from './arguments.ts';
import { contextOf } from './context.ts';

/** `fleet build`: binaries for every combination of toolchain and target. */
export function buildCommand(): Command {
  return new Command('build')
    .description('compile trit for targets with toolchains')
    .addOption(new Option('-c, --toolchain <names>', 'such as clang-19,gcc-12').argParser(list).default(['cc'], "the host's own: cc"))
    .addOption(new Option('--target <names>', `of ${TARGETS.join(', ')} (default: this machine)`).argParser(list))
    .option('--flags <flags>', 'more compiler flags, such as "-mcpu=cortex-a76", or named ones')
    .addHelpText(
      'after',
      '\nExamples:\n  $ fleet build\n  $ fleet build -c clang-19,gcc-12 --target x86_64-linux,aarch64-linux\n  $ fleet build --flags "O2 lto"\n\nCompilers and named flags: fleet toolchains.',
    )
    .action(async (options: { toolchain: string[]; target?: string[]; flags?: string }, command: Command) => {
      const context = contextOf(command);
      const { build } = await import('../fleet/build.ts');
      const { hostTarget } = await import('../fleet/target.ts');
      const { findToolchain } = await import('../fleet/toolchains.ts');
      const { grid } = await import('./grid.ts');
      const targets = (options.target ?? [hostTarget()]).map((name) => {
        if (!TARGETS.includes(name as Target)) throw new UsageError(`there is no target "${name}"; known: ${TARGETS.join(', ')}`);
        return name as Target;
      });
      for (const name of options.toolchain) findToolchain(name);
      const builds = [];
      const errors: { toolchain: string; target: Target; message: string }[] = [];
      for (const target of targets) {
        for (const toolchain of options.toolchain) {
          context.say(`building with ${toolchain} for ${target}`);
          try {
            builds.push(await build({ toolchain, target, flags: options.flags, root: context.root }));
          } catch (error) {
            if (error instanceof UsageError) throw error;
            errors.push({ toolchain, target, message: reason(error) });
            context.say(`fleet: ${toolchain}, ${target}: ${plain(reason(error))}`);
          }
        }
      }
      const rows = builds.map(({ toolchain, target, bytes, sha256, path }) => [toolchain, target, quantity(bytes, 'B'), sha256.slice(0, 12), path]);
      context.give(() => (rows.length > 0 ? grid(['toolchain', 'target', 'size', 'sha256', 'file'], rows) : ''), { builds, errors });
      if (errors.length > 0) process.exitCode = 1;
    });
}
