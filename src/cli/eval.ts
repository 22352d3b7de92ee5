import { Command, Option } from 'commander';
import { cpuList, list, whole } from './arguments.ts';
import { contextOf } from './context.ts';
import type { EvalOptions } from './eval_all.ts';

/** `fleet eval`: how good a model is, beside how fast. */
export function evalCommand(): Command {
  return new Command('eval')
    .description('measure the quality of models on devices: perplexity, agreement with a parent, right choices; stored like any metric')
    .addOption(new Option('-m, --model <names>', 'twins, hub:name, or .gguf files, separated by commas').argParser(list).makeOptionMandatory())
    .option('--parent <name>', 'the model they were made from: same first choice and KL divergence are held against it')
    .option('--text <file>', 'documents to read, with a line "<|endoftext|>" between two (default: ten short texts)')
    .addOption(new Option('--max-tokens <count>', "longest document (default: the suite's)").argParser(whole(2, 1_048_576)))
    .addOption(new Option('--documents <count>', 'the first so many').argParser(whole(1, 1_000_000)))
    .addOption(new Option('-d, --device <names>', 'devices: ids, tags, "all" or user@host:port, separated by commas').default('local'))
    .addOption(new Option('-c, --toolchain <names>', 'compilers').argParser(list).default(['cc'], "the host's own: cc"))
    .addOption(new Option('-t, --threads <count>', 'default: one for each fast core').argParser((text) => [whole(1, 512)(text)]))
    .addOption(new Option('--cpus <list>', 'pin threads to these CPUs, such as 4-7').argParser(cpuList))
    .option('--accept-new-host-key', 'trust and remember SSH hosts that are seen for the first time')
    .addHelpText(
      'after',
      `
Examples:
  $ fleet eval -m small.gguf,smaller.gguf --parent full-f16.gguf
  $ fleet eval -m hub:bitnet-2b-4t --text wikitext.txt --max-tokens 512 -d pi5 --json`,
    )
    .action(async (options: EvalOptions, command: Command) => {
      const { evalAll } = await import('./eval_all.ts');
      process.exitCode = await evalAll(contextOf(command), options);
    });
}
