import { Command, InvalidArgumentError, Option } from 'commander';
import { BUILD_CAUSES, type BuildCause } from '../core/epoch.ts';
import type { MetricName } from '../core/metric.ts';
import { list, metricList } from './arguments.ts';
import type { HistoryOptions } from './bench_options.ts';
import { contextOf } from './context.ts';
import { addFilter, filterOf } from './filter.ts';

/** `fleet history`: what changed over time, and what began a new epoch. */
export function historyCommand(): Command {
  return addFilter(new Command('history').description('show speed over time: environment epochs, and change points within them'), 5000)
    .addOption(new Option('--metric <names>', 'what is followed').argParser(metricList).default(DEFAULT, DEFAULT.join(',')))
    .addOption(
      new Option('--across <causes>', `${BUILD_CAUSES.join(' or ')}: begins no new epoch, so that its effect is a change point`).argParser(causes),
    )
    .option('--confirm', 'measure once more where a change point is not confirmed yet')
    .option('--suite-file <file>', 'with --confirm: where a suite that was given as a file lies now')
    .option('--model-file <file>', 'with --confirm: where a model that was given as a file lies now')
    .option('--accept-new-host-key', 'trust and remember SSH hosts that are seen for the first time')
    .addHelpText(
      'after',
      `
A series is one metric of a device, model, suite, number of threads and build. What begins a new epoch is listed by fleet baseline --help;
change points (E-Divisive, seeded permutations, 1 % a stretch) are looked for within an epoch only. A change below the metric's threshold
does not count.

Examples:
  $ fleet history
  $ fleet history -d rpi5 --confirm
  $ fleet history --across code --since 30d --json`,
    )
    .action(async (options: HistoryOptions & Parameters<typeof filterOf>[0], command: Command) => {
      const { showHistory } = await import('./history_all.ts');
      process.exitCode = await showHistory(contextOf(command), filterOf(options), options);
    });
}

const DEFAULT: MetricName[] = ['decode_rate', 'prefill_rate'];

function causes(text: string): BuildCause[] {
  return list(text).map((name) => {
    if (!BUILD_CAUSES.includes(name as BuildCause)) throw new InvalidArgumentError(`it is ${BUILD_CAUSES.join(' or ')}.`);
    return name as BuildCause;
  });
}
