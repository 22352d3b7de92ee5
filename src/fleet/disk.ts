import type { Host } from '../core/host.ts';

/** Bytes free on the disk that holds a path of a device; null where it does not tell. */
export async function freeBytes(host: Pick<Host, 'exec'>, path: string): Promise<number | null> {
  const { stdout } = await host.exec(['df', '-Pk', '--', path]);
  const blocks = Number(stdout.trim().split('\n').at(-1)?.split(/\s+/)[3]);
  return Number.isFinite(blocks) ? blocks * 1024 : null;
}
