import { type Command, InvalidArgumentError, Option } from 'commander';
import type { RunStatus } from '../core/run.ts';
import type { RunFilter } from '../core/store.ts';
import { list, whole } from './arguments.ts';

const STATES: readonly RunStatus[] = ['queued', 'running', 'ok', 'failed', 'cancelled', 'interrupted'];

interface FilterOptions {
  device?: string[];
  toolchain?: string[];
  model?: string[];
  suite?: string[];
  status?: RunStatus[];
  since?: number;
  valid?: boolean;
  invalid?: boolean;
  imported?: boolean;
  limit?: number;
}

/** The options that say which runs, the same for every command that lists them. */
export function addFilter(command: Command, limit?: number): Command {
  return command
    .addOption(new Option('-d, --device <names>', 'of these devices').argParser(list))
    .addOption(new Option('-c, --toolchain <names>', 'of these toolchains').argParser(list))
    .addOption(new Option('-m, --model <names>', 'of these models').argParser(list))
    .addOption(new Option('-s, --suite <names>', 'of these suites').argParser(list))
    .addOption(new Option('--status <names>', `one of ${STATES.join(', ')}`).argParser(states))
    .addOption(new Option('--since <time>', 'begun since: 2026-11-21, or 90m, 12h, 7d ago').argParser(since))
    .addOption(new Option('--valid', 'only those that ended well, without an invalid flag').conflicts('invalid'))
    .option('--invalid', 'only the others')
    .option('--imported', 'those that were imported, instead of those measured here')
    .addOption(new Option('-n, --limit <count>', 'the newest so many').argParser(whole(1, 1_000_000)).default(limit));
}

export function filterOf({ invalid, valid, imported, ...rest }: FilterOptions): RunFilter {
  const { device, toolchain, model, suite, status, since, limit } = rest;
  return {
    device,
    toolchain,
    model,
    suite,
    status,
    since,
    limit,
    valid: valid ? true : invalid ? false : undefined,
    measured: imported ? 'elsewhere' : undefined,
  };
}

function states(text: string): RunStatus[] {
  return list(text).map((name) => {
    if (!STATES.includes(name as RunStatus)) throw new InvalidArgumentError(`states are ${STATES.join(', ')}.`);
    return name as RunStatus;
  });
}

const UNITS: Record<string, number> = { m: 60e3, h: 3600e3, d: 86_400e3 };

function since(text: string): number {
  const ago = /^(\d{1,6})([mhd])$/.exec(text);
  const time = ago ? Date.now() - Number(ago[1]) * (UNITS[ago[2] as string] as number) : Date.parse(text);
  if (Number.isNaN(time)) throw new InvalidArgumentError('write a date like 2026-11-21, or 90m, 12h, 7d.');
  return time;
}
