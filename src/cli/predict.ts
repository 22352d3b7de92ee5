import { Argument, Command, Option } from 'commander';
import { list, whole } from './arguments.ts';
import { contextOf } from './context.ts';
import type { PredictOptions } from './predict_all.ts';

/** `fleet predict`: how fast a model will be. */
export function predictCommand(): Command {
  return new Command('predict')
    .description('predict the rates of models from measured memory and kernels of devices, or from profiles; check them against runs')
    .addArgument(new Argument('[names]', 'devices, or profiles for the most that such a device can do, separated by commas').default('local'))
    .addOption(
      new Option('-m, --model <names>', 'twins, or published models by their twins').argParser(list).default(['bitnet-2b-4t'], 'bitnet-2b-4t'),
    )
    .addOption(new Option('-t, --threads <count>', 'default: one for each fast core').argParser(whole(1, 512)))
    .addOption(new Option('--position <count>', 'mean length of the context, in tokens').argParser(whole(0, 1_048_576)).default(576))
    .option('--accept-new-host-key', 'trust and remember SSH hosts that are seen for the first time')
    .addHelpText(
      'after',
      `
On a device a few kernels are timed (half a minute). A profile knows only the peak of its memory and the cycles of its cores, so that its figures
are upper limits; the share of them that measured devices reach is shown beside.

Examples:
  $ fleet predict                                    this machine, twin of BitNet 2B-4T
  $ fleet predict local,rpi3,rpi5 -m bitnet-2b-4t,falcon3-1b --json`,
    )
    .action(async (names: string, options: PredictOptions, command: Command) => {
      const { predictAll } = await import('./predict_all.ts');
      process.exitCode = await predictAll(contextOf(command), names, options);
    });
}
