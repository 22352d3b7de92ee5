import { Command, InvalidArgumentError, Option } from 'commander';
import type { MetricName } from '../core/metric.ts';
import { list, metricList, whole } from './arguments.ts';
import type { CheckOptions } from './bench_options.ts';
import { contextOf } from './context.ts';

/** `fleet check`: is anything slower than a baseline allows? For CI. */
export function checkCommand(): Command {
  return new Command('check')
    .description('fail where something is slower than a baseline allows')
    .addOption(new Option('--against <baseline>', 'what is held against: fleet baseline ls').makeOptionMandatory())
    .addOption(new Option('--max-regression <percent>', 'largest loss that is allowed').argParser(percent).default(0.03, '3%'))
    .addOption(new Option('--metric <names>', 'what is checked').argParser(metricList).default(DEFAULT, DEFAULT.join(',')))
    .addOption(new Option('-d, --device <names>', "only these of the baseline's devices").argParser(list))
    .option('--strict', 'also fail where something is not settled')
    .option('--measure', "first build the sources as they are and measure them in turns with the baseline's binary")
    .addOption(new Option('-s, --suite <name>', 'with --measure: what one launch runs').default('pair'))
    .option('--model-file <file>', 'with --measure: where a model that was given as a file lies now')
    .addOption(new Option('-w, --wait [seconds]', 'with --measure: wait for a device that is busy with another run').argParser(whole(1, 1e6)))
    .option('--accept-new-host-key', 'trust and remember SSH hosts that are seen for the first time')
    .option('--junit <file>', 'write a JUnit report')
    .option('--markdown <file>', 'write a summary, such as for $GITHUB_STEP_SUMMARY')
    .addHelpText(
      'after',
      `
Pairs of launches of the baseline's binary and a newer one are judged where they are stored (--measure makes them): a regression is a loss
whose exact interval leaves out 0 and that is larger than allowed; ok is what is surely not worse. Else the runs made since are held against
those of the baseline by ranks, in the same environment only. Exit status: 0 passed, 1 a regression or nothing to judge.

Examples:
  $ fleet baseline set main -d rpi5
  $ fleet check --against main --max-regression 3% --measure --junit check.xml
  $ fleet check --against main --json`,
    )
    .action(async (options: CheckOptions, command: Command) => {
      const { check } = await import('./check_all.ts');
      process.exitCode = await check(contextOf(command), options);
    });
}

const DEFAULT: [MetricName, ...MetricName[]] = ['decode_rate', 'prefill_rate'];

/** "3%" or "3" as 0.03. */
function percent(text: string): number {
  const value = /^\d{1,2}(\.\d{1,3})?\s*%?$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (!(value > 0)) throw new InvalidArgumentError('write a percentage above 0 and below 100, such as 3%.');
  return value / 100;
}
