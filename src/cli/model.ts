import { Command, Option } from 'commander';
import { FleetError } from '../core/errors.ts';
import { quantity } from '../core/format.ts';
import { whole } from './arguments.ts';
import { contextOf } from './context.ts';

/** `fleet model`: the twins fleet can make, and making one here. */
export function modelCommand(): Command {
  const examples =
    '\nExamples:\n  $ fleet model ls\n  $ fleet model synth tiny -o tiny.gguf\n  $ fleet model synth falcon3-1b:tq1_0:q6_k -o falcon.gguf';
  return new Command('model')
    .description('list the known models; make a synthetic twin of one')
    .addHelpText('after', `${examples}\n\nA twin has the shapes and types of the real model and random weights: it is as fast, and says nothing.`)
    .addCommand(listCommand())
    .addCommand(synthCommand());
}

function listCommand(): Command {
  return new Command('ls')
    .description('list the known models and their default recipes')
    .addHelpText('after', '\nExamples:\n  $ fleet model ls\n  $ fleet model ls --json')
    .action(async (_options, command: Command) => {
      const context = contextOf(command);
      const { loadPresets, twinBytes } = await import('../fleet/twins.ts');
      const { grid } = await import('./grid.ts');
      const models = loadPresets(context.root).map((preset) => ({ ...preset, bytes: twinBytes(context.root, preset, preset.type, preset.head) }));
      const rows = models.map(({ name, title, arch, layers, dim, type, head, bytes }) => [
        name,
        title,
        arch,
        `${layers} × ${dim}`,
        `${name}:${type}:${head}`,
        `about ${quantity(bytes, 'B')}`,
      ]);
      context.give(() => grid(['model', 'twin of', 'architecture', 'layers × width', 'recipe', 'size'], rows), { models });
    });
}

function synthCommand(): Command {
  return new Command('synth')
    .description('make a twin on this machine, the same bytes everywhere')
    .argument('<model>', 'name or name:type:head')
    .requiredOption('-o, --output <file>', 'GGUF file to write')
    .addOption(new Option('--seed <number>', 'of the random weights').argParser(whole(0, 2 ** 31 - 1)).default(1))
    .addHelpText('after', '\nExamples:\n  $ fleet model synth tiny -o tiny.gguf\n  $ fleet model synth bitnet-2b-4t:tq2_0:f16 -o bitnet.gguf')
    .action(async (name: string, options: { output: string; seed: number }, command: Command) => {
      const context = contextOf(command);
      const { spawn } = await import('node:child_process');
      const { build } = await import('../fleet/build.ts');
      const { findModel } = await import('../fleet/model.ts');
      const { hostTarget } = await import('../fleet/target.ts');
      const { synth } = findModel(context.root, name);
      if (!synth) throw new FleetError(`${name} is a file already; name a model of fleet model ls.`);
      const { path } = await build({ toolchain: 'cc', target: hostTarget(), root: context.root });
      const recipe = ['--preset', synth.preset, '--type', synth.type, '--head', synth.head, '--seed', String(options.seed)];
      const maker = spawn(path, ['synth', ...recipe, '-o', options.output], { stdio: ['ignore', 'ignore', 'inherit'] });
      const code = await new Promise<number | null>((resolve, reject) => maker.once('error', reject).once('close', resolve));
      if (code !== 0) throw new FleetError(`${options.output} was not made (trit synth ended with status ${code}; its reason is above).`);
      context.give('', { model: name, file: options.output, ...synth, seed: options.seed });
    });
}
