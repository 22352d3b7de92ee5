import { z } from 'zod';
import { type CatalogueRow, Sha256 } from '../core/catalogue.ts';
import { FleetError, reason, UsageError } from '../core/errors.ts';
import { plain } from '../core/plain.ts';

/** A hub, or a mirror of one. */
export interface Hub {
  /** Without a slash at the end. */
  endpoint: string;
  /** Sent to the endpoint and to no other host; null: none. */
  token: string | null;
}

/** A file as the hub tells of it. */
export interface HubFile {
  url: string;
  bytes: number;
  sha256: string;
}

const HUGGING_FACE = 'https://huggingface.co';

/** The hub of --mirror, else HF_ENDPOINT, else Hugging Face; the token of HF_TOKEN. Throws a UsageError for an address or a token that is none. */
export function hubOf(mirror: string | undefined, environment: NodeJS.ProcessEnv = process.env): Hub {
  const text = mirror ?? (environment.HF_ENDPOINT || HUGGING_FACE);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.username || url.password)
    throw new UsageError(`the hub "${plain(text)}" is no address: write it like https://hub.example, the token goes into HF_TOKEN`);
  const token = environment.HF_TOKEN?.trim() || null;
  if (token && !/^[\x21-\x7e]+$/.test(token)) throw new UsageError('HF_TOKEN holds a space or another character that is in no token; copy it again');
  return { endpoint: text.replace(/\/+$/, ''), token };
}

/** Address of a row's file. */
export function addressOf({ repo, file, revision = 'main' }: CatalogueRow, { endpoint }: Hub): string {
  return `${endpoint}/${repo}/resolve/${encodeURIComponent(revision)}/${file.split('/').map(encodeURIComponent).join('/')}`;
}

const Entry = z.object({ path: z.string(), size: z.int().positive(), lfs: z.object({ oid: Sha256, size: z.int().positive() }).optional() });

/**
 * Size and hash of a row's file: the row's own where it has both, else what the hub tells. Throws where the hub cannot be asked, has no such
 * file, or tells another size or hash than the row.
 */
export async function describeFile(row: CatalogueRow, hub: Hub): Promise<HubFile> {
  const url = addressOf(row, hub);
  if (row.repo !== null && row.bytes !== null && row.sha256 !== null) return { url, bytes: row.bytes, sha256: row.sha256 };
  const where = `${row.repo}/${row.file} on ${hub.endpoint}`;
  const { data: entry } = Entry.safeParse(await askHub(row, hub));
  if (!entry?.lfs) throw new FleetError(`the hub tells no size and SHA-256 of ${where}, so that nothing could prove what comes from there`);
  const { oid, size } = entry.lfs;
  if (row.sha256 !== null && row.sha256 !== oid)
    throw new FleetError(
      `${where} has the SHA-256 ${oid}, and ${row.sha256} is known of it: the file was changed; fleet model add takes the new one`,
    );
  return { url, bytes: size, sha256: oid };
}

/** What the hub tells of a row's file, as it came. Throws a FleetError where it cannot be asked or has no such file. */
export async function askHub(row: CatalogueRow, hub: Hub): Promise<unknown> {
  if (row.repo === null) throw new FleetError(`the model ${row.name} is a file of this machine (${row.file}), and on no hub`);
  const { pathsInfo } = await import('@huggingface/hub');
  const where = `${row.repo}/${row.file} on ${hub.endpoint}`;
  let told: unknown;
  try {
    [told] = await pathsInfo({ repo: row.repo, paths: [row.file], revision: row.revision ?? 'main', hubUrl: hub.endpoint, fetch: bearing(hub) });
  } catch (error) {
    throw new FleetError(`the hub tells nothing of ${where}: ${plain(whyNot(error, hub))}`);
  }
  if (told === undefined) throw new FleetError(`there is no ${where}`);
  return told;
}

/** fetch with the hub's token, whatever the token looks like. Another host never gets it: fetch takes it off where it is led elsewhere. */
export function bearing({ endpoint, token }: Hub): typeof fetch {
  return (input, init) => {
    const headers = new Headers(init?.headers);
    const url = new URL(input instanceof Request ? input.url : input);
    if (token && url.origin === new URL(endpoint).origin) headers.set('authorization', `Bearer ${token}`);
    return fetch(input, { ...init, headers, signal: init?.signal ?? AbortSignal.timeout(60_000) });
  };
}

function whyNot(error: unknown, { token }: Hub): string {
  const status = (error as { statusCode?: number }).statusCode;
  if (status === 401 || status === 403) return refusal(status, token);
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${reason(error.cause)}` : '';
  return `${reason(error)}${cause}`;
}

/** What to do where a hub wants to know who asks. */
export function refusal(status: number, token: string | null): string {
  return token
    ? `it refuses the token of HF_TOKEN (status ${status}): accept the model's terms on its page, or take another token`
    : `it wants a token (status ${status}): accept the model's terms on its page and put a token of yours into HF_TOKEN`;
}

/** Tensor types of the GGUF specification that are met here; others are shown by their number. */
const TYPES: Record<number, string> = {
  0: 'f32',
  1: 'f16',
  2: 'q4_0',
  8: 'q8_0',
  12: 'q4_k',
  14: 'q6_k',
  30: 'bf16',
  34: 'tq1_0',
  35: 'tq2_0',
  36: 'i2_s',
};

/** What the head of a GGUF file on a hub says, before all of it is fetched: a few megabytes are read. Throws where it is no GGUF. */
export async function headOf(url: string, hub: Hub): Promise<{ architecture: string; types: string[] }> {
  const { gguf } = await import('@huggingface/gguf');
  try {
    const { metadata, tensorInfos } = await gguf(url, { fetch: bearing(hub) });
    const types = new Set(tensorInfos.map(({ dtype }) => TYPES[dtype as number] ?? `type ${dtype}`));
    return { architecture: String(metadata['general.architecture'] ?? 'unknown'), types: [...types].sort() };
  } catch (error) {
    throw new FleetError(`${url} cannot be read as GGUF: ${plain(reason(error))}`);
  }
}
