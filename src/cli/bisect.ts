import { Command, InvalidArgumentError, Option } from 'commander';
import type { MetricName } from '../core/metric.ts';
import { cpuList, metricList, whole } from './arguments.ts';
import type { BisectOptions } from './bench_options.ts';
import { contextOf } from './context.ts';

/** `fleet bisect`: which commit, or which flag, made it slower? */
export function bisectCommand(): Command {
  return new Command('bisect')
    .description('find the commit of kernels/, or the compiler flag, that made a device slower')
    .addOption(new Option('-d, --device <name>', 'one device: id or user@host:port').default('local'))
    .option('--good <commit>', 'it was still fast: any name git knows')
    .option('--bad <commit>', 'it is slow (default: HEAD)')
    .addOption(new Option('--over <flags>', 'go over these flags instead, added one by one, such as "-O2 -fno-inline lto"').argParser(words))
    .option('-c, --toolchain <name>', 'compiler of every step', 'cc')
    .option('--flags <flags>', 'more compiler flags of every step')
    .option('-m, --model <name>', "a twin (name or name:type:head), or a .gguf file (default: the suite's)")
    .addOption(new Option('-s, --suite <name>', 'what one launch runs').default('pair'))
    .addOption(new Option('-t, --threads <count>', 'default: one for each fast core').argParser(whole(1, 512)))
    .addOption(new Option('--metric <name>', 'what is judged').argParser(metricList).default(DEFAULT, DEFAULT.join(',')))
    .addOption(new Option('--cpus <list>', "pin threads to these CPUs, such as 4-7 (default: the device's, or its fast cores)").argParser(cpuList))
    .option('--isa <name>', "use kernels up to this instruction set (default: the best the device's CPU has)")
    .option('--repository <folder>', "git repository with kernels/ (default: fleet's own)")
    .option('--again', 'measure also what an earlier call has settled')
    .addOption(new Option('-w, --wait [seconds]', 'wait for a device that is busy with another run (default: fail at once)').argParser(whole(1, 1e6)))
    .option('--accept-new-host-key', 'trust and remember SSH hosts that are seen for the first time')
    .addHelpText(
      'after',
      `
Each step is built, must pass trit check on the device, and is measured in turns with the good side until fleet compare's verdict stands:
slower is bad, same or faster is good. A step that does not build, computes wrong or is not settled is skipped. Steps that run the same
instructions as a settled one are not measured, nor is what an earlier call has measured: a bisection that was stopped goes on.
Exit status: 0 found, 1 not.

Examples:
  $ fleet bisect --device rpi5 --good v1 --bad HEAD
  $ fleet bisect -d rpi5 -c clang-19 --over "-O2 -fno-unroll-loops lto"`,
    )
    .action(async (options: BisectOptions, command: Command) => {
      const { bisectAll } = await import('./bisect_all.ts');
      process.exitCode = await bisectAll(contextOf(command), options);
    });
}

const DEFAULT: [MetricName, ...MetricName[]] = ['decode_rate'];

function words(text: string): string[] {
  const found = text.split(/\s+/).filter(Boolean);
  if (found.length === 0) throw new InvalidArgumentError('write flags separated by blanks.');
  return found;
}
