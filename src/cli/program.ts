import { Command, Option } from 'commander';
import { benchCommand } from './bench.ts';
import { buildCommand } from './build.ts';
import { compareCommand } from './compare.ts';
import { completionCommand } from './completion.ts';
import { devicesCommand } from './devices.ts';
import { exportCommand } from './export.ts';
import { importCommand } from './import.ts';
import { modelCommand } from './model.ts';
import { powerCommand } from './power.ts';
import { probeCommand } from './probe.ts';
import { publishedCommand } from './published.ts';
import { reportCommand } from './report.ts';
import { runsCommand } from './runs.ts';
import { serveCommand } from './serve.ts';
import { setupCommand } from './setup.ts';
import { showCommand } from './show.ts';
import { toolchainsCommand } from './toolchains.ts';

/** One row a command, in the order of --help. */
const COMMANDS: readonly (() => Command)[] = [
  benchCommand,
  compareCommand,
  runsCommand,
  showCommand,
  reportCommand,
  exportCommand,
  importCommand,
  publishedCommand,
  serveCommand,
  devicesCommand,
  probeCommand,
  powerCommand,
  buildCommand,
  toolchainsCommand,
  modelCommand,
  completionCommand,
  setupCommand,
];

/** The whole command tree. Errors are thrown as CommanderError and told by the caller. */
export function createProgram(version: string): Command {
  const program = new Command('fleet')
    .description('Measures small ternary language models on the machines you own: right answers first, then honest speed and memory.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help of a command')
    .addOption(new Option('--json', 'print exactly one JSON document on stdout'))
    .addOption(new Option('--db <file>', 'database (default: fleet.db in this folder)').env('FLEET_DB'))
    .addOption(new Option('--devices <folder>', "folder of the devices' files (default: devices/ of fleet)").env('FLEET_DEVICES'))
    .addHelpText(
      'after',
      `
Examples:
  $ fleet bench                                this machine, the standard suite
  $ fleet bench --suite smoke                  a few seconds, to see that all works
  $ fleet bench --device pi5,pi4 --toolchain clang-19,gcc-12
  $ fleet runs                                 what has been measured
  $ fleet serve                                the same as charts

Exit status: 0 done; 1 a device, run or comparison failed; 2 wrong usage; 130 stopped by Ctrl-C.`,
    );
  for (const make of COMMANDS) program.addCommand(make());
  for (const command of [program, ...program.commands, ...program.commands.flatMap((c) => [...c.commands])]) {
    command.exitOverride().configureOutput({ outputError: () => {} });
    command.configureHelp({ showGlobalOptions: command !== program, helpWidth: 110 });
  }
  return program;
}
