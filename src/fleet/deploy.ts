import { sha256On } from '../core/device_file.ts';
import { FleetError } from '../core/errors.ts';
import type { Facts } from '../core/facts.ts';
import type { Connection } from './connection.ts';

export interface DeployFile {
  /** Path here. */
  local: string;
  /** File name there. */
  name: string;
  /** SHA-256 of it, in hex. */
  sha256: string;
  /** Default 0o755. */
  mode?: number;
}

export interface DeployOptions {
  /** Bytes done and in all, of one file. Not called for a file that is there already. */
  onProgress?: (name: string, done: number, total: number) => void;
}

const KEPT = 8; // folders under bin/ that are kept however old they are

/**
 * Puts files on a device, each at <workdir>/bin/<first 16 digits of its sha256>/<name>, and answers with those paths, in order. What is
 * there and has the right hash is not sent again; what is damaged is replaced; what was half sent is gone on with. Throws a FleetError
 * where a file does not arrive as it is.
 */
export async function deploy(
  connection: Connection,
  facts: Pick<Facts, 'workdir'>,
  files: readonly DeployFile[],
  options: DeployOptions = {},
): Promise<string[]> {
  const bin = `${facts.workdir}/bin`;
  const paths: string[] = [];
  for (const file of files) {
    const path = `${bin}/${file.sha256.slice(0, 16)}/${file.name}`;
    await bring(connection, file, path, options);
    paths.push(path);
  }
  await tidy(connection, bin, paths);
  return paths;
}

/** One file to its place, unless it is there. Throws a FleetError where it does not arrive as it is. */
export async function bring(connection: Connection, file: DeployFile, path: string, { onProgress }: DeployOptions = {}): Promise<void> {
  if ((await sha256On(connection, path)) === file.sha256) return;
  for (let attempt = 0; attempt < 2; attempt++) {
    await connection.upload(file.local, path, { mode: file.mode ?? 0o755, onProgress: (done, total) => onProgress?.(file.name, done, total) });
    if ((await sha256On(connection, path)) === file.sha256) return;
    await connection.exec(['rm', '-f', '--', path]);
  }
  throw new FleetError(
    `device ${connection.device.id}: ${path} does not arrive as it is here (sha256 ${file.sha256.slice(0, 16)}...); was ${file.local} changed meanwhile, or is the device's disk failing?`,
  );
}

/** Removes all but the newest folders, of those that nobody has asked for in a day: a long bisection comes back to its first build. What runs stays. */
async function tidy(connection: Connection, bin: string, used: readonly string[]): Promise<void> {
  const folders = used.map((path) => path.slice(0, path.lastIndexOf('/')));
  const script = `
bin=$1; shift
touch -c -- "$@"
cd -- "$bin" || exit 0
ls -1t | grep '^[0-9a-f]\\{16\\}$' | tail -n +${KEPT + 1} | while read -r old; do
  [ -n "$(find "./$old" -prune -mtime +0)" ] || continue
  for exe in /proc/[0-9]*/exe; do
    case $(readlink "$exe" 2>/dev/null) in "$bin/$old/"*) continue 2 ;; esac
  done
  rm -rf -- "./$old"
done`;
  await connection.exec(['sh', '-c', script, 'sh', bin, ...folders]); // best effort: an old binary does no harm
}
