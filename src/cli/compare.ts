import { Command, InvalidArgumentError, Option } from 'commander';
import type { BuildSpec } from '../core/build.ts';
import type { MetricName } from '../core/metric.ts';
import { cpuList, metricList, whole, wholes } from './arguments.ts';
import type { CompareOptions } from './bench_options.ts';
import { contextOf } from './context.ts';

/** `fleet compare`: is one build faster than another, on each device? */
export function compareCommand(): Command {
  return new Command('compare')
    .description('say whether one build is faster than another, from pairs of launches on each device')
    .argument('<baseline>', 'a compiler, or compiler:flags, such as clang-14, "gcc-12:O2", "cc:pgo", or cc@device for the device\'s own', spec)
    .argument('[candidate]', 'what is held against it', spec)
    .addOption(new Option('-d, --device <names>', 'devices: ids, tags, "all" or user@host:port, separated by commas').default('local'))
    .option('-m, --model <name>', "a twin (name or name:type:head), or a .gguf file (default: the suite's)")
    .addOption(new Option('-s, --suite <name>', 'what one launch runs: pair, smoke, standard, or a .json file').default('pair'))
    .addOption(new Option('-t, --threads <counts>', 'such as 1,2,4 (default: one for each fast core)').argParser(wholes(1, 512)))
    .addOption(
      new Option('--metric <names>', 'what is judged; the first decides when to stop').argParser(metricList).default(DEFAULT, DEFAULT.join(',')),
    )
    .addOption(new Option('--cpus <list>', "pin threads to these CPUs, such as 4-7 (default: the device's, or its fast cores)").argParser(cpuList))
    .option('--isa <name>', "use kernels up to this instruction set (default: the best the device's CPU has)")
    .addOption(new Option('-r, --repetitions <count>', "measured requests a launch (default: the suite's)").argParser(whole(1, 1000)))
    .option('--noise', 'compare the baseline with itself: how much this device varies by chance')
    .addOption(new Option('-w, --wait [seconds]', 'wait for a device that is busy with another run (default: fail at once)').argParser(whole(1, 1e6)))
    .option('--accept-new-host-key', 'trust and remember SSH hosts that are seen for the first time')
    .addHelpText(
      'after',
      `
Launches alternate (ABBA, from a random start) and count as pairs; each first waits until the device is as cool and quiet as its suite asks.
After 8, 14 and 20 pairs the exact interval of the change is looked at: faster or slower where it leaves out 0 and the change is large enough
to count (more than the noise of the device, where it is known), same where it lies within what counts for the metric, else unknown.

Examples:
  $ fleet compare clang-14 clang-19                     on this machine
  $ fleet compare clang-14 --noise -d rpi5              how far rpi5 varies by itself
  $ fleet compare cc cc@device -d rpi5                  built here, or there by its own compiler
  $ fleet compare gcc-12 "gcc-12:-O2" -d rpi5,rpi4 --json`,
    )
    .action(async (baseline: BuildSpec, candidate: BuildSpec | undefined, options: CompareOptions, command: Command) => {
      const { compare } = await import('./compare_all.ts');
      process.exitCode = await compare(contextOf(command), baseline, candidate, options);
    });
}

const DEFAULT: [MetricName, ...MetricName[]] = ['decode_rate', 'prefill_rate'];

/** A compiler, or compiler:flags. */
export function spec(text: string): BuildSpec {
  const [, toolchain = '', flags = ''] = /^([^:]+)(?::(.*))?$/.exec(text.trim()) ?? [];
  if (!toolchain) throw new InvalidArgumentError('write a compiler, or compiler:flags.');
  return { toolchain, flags: flags.trim() };
}
