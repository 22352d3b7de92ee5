import { join } from 'node:path';
import type { Command } from 'commander';
import { plainJson } from '../core/plain.ts';
import { projectRoot } from './root.ts';

/** What every command shares. */
export interface Context {
  /** stdout gets one JSON document and nothing else. */
  readonly json: boolean;
  /** The database file. */
  readonly db: string;
  /** Folder of the devices' files. */
  readonly devices: string;
  /** The project's folder. */
  readonly root: string;
  /** One sentence for people, on stderr. */
  say(sentence: string): void;
  /** The result: text, or with --json the value. */
  give(text: string | (() => string), value: unknown): void;
}

interface Globals {
  json?: boolean;
  db?: string;
  devices?: string;
}

/** The shared options of a command that was called. */
export function contextOf(command: Command): Context {
  const globals = command.optsWithGlobals<Globals>();
  const root = projectRoot();
  const json = globals.json === true;
  return {
    json,
    db: globals.db || 'fleet.db',
    devices: globals.devices || join(root, 'devices'),
    root,
    say: (sentence) => void process.stderr.write(`${sentence}\n`),
    give(text, value) {
      process.stdout.write(json ? `${plainJson(value, 2)}\n` : typeof text === 'string' ? text : text());
    },
  };
}
