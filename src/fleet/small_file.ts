import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { CatalogueRow } from '../core/catalogue.ts';
import { FleetError, reason } from '../core/errors.ts';
import { plain } from '../core/plain.ts';
import { boundedBody } from './bounded.ts';
import { addressOf, askHub, bearing, type Hub } from './hub.ts';

/** Larger ones are no settings. */
const MOST = 1 << 20;

const Entry = z.object({ size: z.int().positive().max(MOST), oid: z.string().regex(/^[0-9a-f]{40}$/) });

/**
 * A small file of a row's folder, proven by the hash that git has of it, which the hub tells. Throws a FleetError where it cannot be had or is not
 * what the hub says.
 */
export async function fetchSmall(row: CatalogueRow, name: string, hub: Hub): Promise<Buffer> {
  const folder = row.file.slice(0, row.file.lastIndexOf('/') + 1);
  const file = `${folder}${name}`;
  const url = addressOf({ ...row, file }, hub);
  const { data: entry } = Entry.safeParse(await askHub({ ...row, file }, hub));
  if (!entry) throw new FleetError(`the hub tells no size up to 1 MB and no hash of ${url}, so that nothing could prove what comes from there`);
  const bytes = await bytesOf(url, hub, entry.size).catch((error: unknown) => {
    throw new FleetError(`${url} could not be fetched: ${plain(reason(error))}`);
  });
  const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
  if (bytes.length !== entry.size || oid !== entry.oid)
    throw new FleetError(`${url} is not what the hub says it is: pull it again, or from another mirror`);
  return bytes;
}

async function bytesOf(url: string, hub: Hub, most: number): Promise<Buffer> {
  const answer = await bearing(hub)(url);
  if (!answer.ok) throw new Error(`the server answered with status ${answer.status}`);
  return boundedBody(answer, most);
}
