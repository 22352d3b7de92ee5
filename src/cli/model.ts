import { Command } from 'commander';
import { quantity } from '../core/format.ts';
import { contextOf } from './context.ts';
import { addCommand, convertCommand, synthCommand, verifyCommand } from './model_files.ts';
import { pullCommand } from './model_pull.ts';

/** `fleet model`: published models, and the twins that stand in for them. */
export function modelCommand(): Command {
  const examples = `
Examples:
  $ fleet model ls                                   what is known, and what is on this machine
  $ fleet model pull bitnet-2b-4t                    1.19 GB from Hugging Face; goes on where it was cut off
  $ fleet bench -m hub:bitnet-2b-4t                  measure it
  $ fleet model synth tiny -o tiny.gguf              a twin, without any download`;
  return new Command('model')
    .description('published models and their synthetic twins: list, fetch, make, convert, verify')
    .addHelpText(
      'after',
      `${examples}\n\nA twin has the shapes and types of the real model and random weights: it is as fast, and says nothing.
Models lie in FLEET_MODELS (default ~/.cache/fleet/hub). HF_TOKEN holds your token, HF_ENDPOINT or --mirror the address of a mirror.`,
    )
    .addCommand(listCommand())
    .addCommand(pullCommand())
    .addCommand(addCommand())
    .addCommand(synthCommand())
    .addCommand(convertCommand())
    .addCommand(verifyCommand());
}

function listCommand(): Command {
  return new Command('ls')
    .description('list the published models, then the twins and their default recipes')
    .addHelpText('after', '\nExamples:\n  $ fleet model ls\n  $ fleet model ls --json')
    .action(async (_options, command: Command) => {
      const context = contextOf(command);
      const { loadPresets, twinBytes } = await import('../fleet/twins.ts');
      const { catalogue, fileOf, isHere } = await import('../fleet/catalogue.ts');
      const { grid } = await import('./grid.ts');
      const models = loadPresets(context.root).map((preset) => ({ ...preset, bytes: twinBytes(context.root, preset, preset.type, preset.head) }));
      const published = catalogue().map((row) => ({ ...row, here: isHere(row), path: fileOf(row) }));
      const text = () => {
        const files = published.map(({ name, title, repo, bytes, twin, licence, here }) => [
          `hub:${name}`,
          title,
          repo ?? 'own file',
          quantity(bytes, 'B'),
          twin ?? '',
          licence ?? '',
          here ? 'yes' : '',
        ]);
        const twins = models.map(({ name, title, arch, layers, dim, type, head, bytes }) => [
          name,
          title,
          arch,
          `${layers} × ${dim}`,
          `${name}:${type}:${head}`,
          `about ${quantity(bytes, 'B')}`,
        ]);
        return `${grid(['published', 'what', 'from', 'size', 'twin', 'licence', 'here'], files)}\n${grid(['twin', 'of', 'architecture', 'layers × width', 'recipe', 'size'], twins)}`;
      };
      context.give(text, { models, published });
    });
}
