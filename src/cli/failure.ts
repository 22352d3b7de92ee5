import { CommanderError } from 'commander';
import { FleetError } from '../core/errors.ts';
import { plain, plainJson } from '../core/plain.ts';

/** What is said of anything thrown, and the exit status: 1 failed, 2 wrong usage. */
export function failureOf(error: unknown): { sentence: string; status: number } {
  if (error instanceof FleetError) return { sentence: plain(error.message), status: error.exitCode };
  if (error instanceof CommanderError) {
    const sentence = error.message.replace(/^error: /, '').replace(/\n\((.*)\)$/, ' ($1)');
    return { sentence: plain(sentence), status: 2 };
  }
  const [first = ''] = String(error instanceof Error ? `${error.name}: ${error.message}` : error).split('\n', 1);
  return { sentence: `${plain(first)} (this should not happen: please report it, with what FLEET_DEBUG=1 adds)`, status: 1 };
}

/** Commander has printed the help already: a command that needs a subcommand was called without one. */
const HELP_SHOWN = 'commander.help';

/** Tells of it on stderr, with --json as the document on stdout too. Returns the exit status. */
export function reportFailure(error: unknown, json: boolean): number {
  const { sentence, status } = failureOf(error);
  if (error instanceof CommanderError && error.code === HELP_SHOWN && !json) return status;
  process.stderr.write(`fleet: ${sentence}\n`);
  if (status === 2) process.stderr.write('See fleet --help.\n');
  if (process.env.FLEET_DEBUG === '1' && error instanceof Error)
    process.stderr.write(`${error.stack}\n${error.cause ? `${String(error.cause)}\n` : ''}`);
  if (json) process.stdout.write(`${plainJson({ error: sentence }, 2)}\n`);
  return status;
}
