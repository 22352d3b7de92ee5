import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Device } from '../../core/device.ts';
import { FleetError, reason, UsageError } from '../../core/errors.ts';
import type { ExecOptions, ExecResult } from '../../core/host.ts';
import type { Connection } from '../connection.ts';

/** What a device answered, by question: argv as JSON for programs, path for files and folders. */
export const Recording = z.strictObject({
  version: z.literal(1),
  /** How it came about, for readers. */
  note: z.string().optional(),
  commands: z.record(z.string(), z.strictObject({ code: z.int(), stdout: z.string(), stderr: z.string() })),
  files: z.record(z.string(), z.string()),
  folders: z.record(z.string(), z.array(z.string())),
});
export type Recording = z.infer<typeof Recording>;

/** A device that answers from a recording, and knows nothing else. */
export async function connectReplay(device: Device): Promise<Connection> {
  const file = device.recording;
  if (file === undefined) throw new UsageError(`device ${device.id} has no \`recording:\`; make one with \`fleet probe NAME --record FILE\``);
  try {
    return replayed(device, Recording.parse(JSON.parse(await readFile(file, 'utf8'))));
  } catch (error) {
    throw new UsageError(`device ${device.id}: the recording ${file} cannot be read: ${reason(error)}`, { cause: error });
  }
}

function replayed(device: Device, recording: Recording): Connection {
  const answer = <T>(answers: Record<string, T>, key: string, what: string): T => {
    if (Object.hasOwn(answers, key)) return answers[key] as T;
    throw new FleetError(`device ${device.id}: ${what} is not in the recording ${device.recording}`);
  };
  const refuse = async (): Promise<never> => {
    throw new FleetError(`device ${device.id} is a recording: it can be probed, nothing else`);
  };
  return {
    device,
    lost: new Promise<never>(() => {}),
    readFile: async (path) => answer(recording.files, path, path),
    list: async (path) => answer(recording.folders, path, path),
    exec: async (argv) => answer(recording.commands, JSON.stringify(argv), argv.join(' ')),
    spawn: refuse,
    upload: refuse,
    writeFile: refuse,
    close: async () => {},
  };
}

/** A connection that notes what it is asked and answered. Texts given to stdin are not part of the question, so that they may change. */
export function recorded(connection: Connection): { connection: Connection; recording: Recording } {
  const recording: Recording = { version: 1, commands: {}, files: {}, folders: {} };
  const noting: Connection = {
    device: connection.device,
    lost: connection.lost,
    async readFile(path: string): Promise<string> {
      const text = await connection.readFile(path);
      recording.files[path] = text;
      return text;
    },
    async list(path: string): Promise<string[]> {
      const names = await connection.list(path);
      recording.folders[path] = names;
      return names;
    },
    async exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult> {
      const result = await connection.exec(argv, options);
      recording.commands[JSON.stringify(argv)] = result;
      return result;
    },
    spawn: (argv, options) => connection.spawn(argv, options),
    upload: (local, remote, options) => connection.upload(local, remote, options),
    writeFile: (path, text, mode) => connection.writeFile(path, text, mode),
    close: () => connection.close(),
  };
  return { connection: noting, recording };
}
