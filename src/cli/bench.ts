import { Command, Option } from 'commander';
import { cpuList, list, whole, wholes } from './arguments.ts';
import type { BenchOptions } from './bench_options.ts';
import { contextOf } from './context.ts';

/** `fleet bench`: the main job. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('build, send, check and measure on devices; store every sample')
    .addOption(new Option('-d, --device <names>', 'devices: ids, tags, "all" or user@host:port, separated by commas').default('local'))
    .addOption(new Option('-c, --toolchain <names>', 'compilers, such as clang-19,gcc-12').argParser(list).default(['cc'], "the host's own: cc"))
    .option('-m, --model <name>', "a twin (name or name:type:head), hub:name, or a .gguf file; several by commas (default: the suite's)")
    .addOption(
      new Option(
        '-s, --suite <name>',
        'standard, smoke, pisellino, fp16-vs-ternary, melt, long-context, sustained, memory ..., or a .json file',
      ).default('standard'),
    )
    .addOption(new Option('-t, --threads <counts>', 'such as 1,2,4 (default: one for each fast core)').argParser(wholes(1, 512)))
    .addOption(new Option('--cpus <list>', "pin threads to these CPUs, such as 4-7 (default: the device's, or its fast cores)").argParser(cpuList))
    .option('--isa <name>', "use kernels up to this instruction set (default: the best the device's CPU has)")
    .addOption(new Option('-r, --repetitions <count>', "measured requests a prompt (default: the suite's)").argParser(whole(1, 1000)))
    .option('--flags <flags>', 'more compiler flags, such as "-mcpu=cortex-a76", or named ones such as pgo (fleet toolchains)')
    .addOption(
      new Option('--build <where>', "here, or on-device: send the sources and use the device's own compiler")
        .choices(['here', 'on-device'])
        .default('here'),
    )
    .addOption(new Option('-w, --wait [seconds]', 'wait for a device that is busy with another run (default: fail at once)').argParser(whole(1, 1e6)))
    .addOption(
      new Option('--model-from <who>', 'who brings a published model to a device: this machine, where it was pulled, or the device itself')
        .choices(['controller', 'device'])
        .default('controller'),
    )
    .addOption(new Option('--mirror <address>', 'hub that devices fetch from').env('HF_ENDPOINT'))
    .option('--accept-new-host-key', 'trust and remember SSH hosts that are seen for the first time')
    .addHelpText(
      'after',
      `
Examples:
  $ fleet bench                                         this machine, standard suite, twin of BitNet 2B-4T
  $ fleet bench --suite smoke                           a few seconds
  $ fleet bench -d pi5,pi4 -c clang-14,clang-19 -t 1,4  every combination, devices side by side
  $ fleet bench -d pi@192.168.1.50 --accept-new-host-key
  $ fleet bench -d mac@studio.local --build on-device   any system with make and a compiler
  $ fleet bench -m falcon3-1b:tq1_0:q6_k --json > result.json

Ctrl-C once ends the runs and keeps what was measured; twice leaves at once, and the next call fetches the rest.`,
    )
    .action(async (options: BenchOptions, command: Command) => {
      const { bench } = await import('./bench_all.ts');
      process.exitCode = await bench(contextOf(command), options);
    });
}
