import { createHash, randomBytes } from 'node:crypto';
import { reason } from '../../core/errors.ts';
import { boundedBody } from '../bounded.ts';

/** Longest answer of a meter, bytes; they take less than 4 KB. */
const LARGEST = 65_536;
/** Longest wait for a whole answer, ms. */
const PATIENCE = 3000;

export interface Login {
  user: string;
  password: string;
}

export interface GetOptions {
  login?: Login | null;
  headers?: Record<string, string>;
}

/**
 * Text that an address answers with. Meters are cheap things on the same network as anything else: redirects are not followed, answers
 * that are long or late are cut. Throws a sentence without a full stop.
 */
export async function get(url: string, { login, headers = {} }: GetOptions = {}): Promise<string> {
  const first = await request(url, login ? { authorization: basic(login), ...headers } : headers);
  const challenge = first.status === 401 && login ? digest(first.challenge, url, login) : null;
  const { status, text } = challenge ? await request(url, { authorization: challenge, ...headers }) : first;
  if (status === 401 || status === 403) throw new Error('it wants another user, password or token');
  if (status >= 300 && status < 400) throw new Error('it sends us to another address, which is not followed');
  if (status !== 200) throw new Error(`it answers with status ${status}`);
  return text;
}

async function request(url: string, headers: Record<string, string>): Promise<{ status: number; challenge: string; text: string }> {
  const signal = AbortSignal.timeout(PATIENCE);
  try {
    const answer = await fetch(url, { headers, signal, redirect: 'manual' });
    const text = (await boundedBody(answer, LARGEST)).toString('utf8');
    return { status: answer.status, challenge: answer.headers.get('www-authenticate') ?? '', text };
  } catch (error) {
    if (signal.aborted) throw new Error(`it did not answer within ${PATIENCE / 1000} s`);
    const cause = (error as Error).cause;
    throw new Error(cause instanceof Error ? `it cannot be reached (${reason(cause)})` : reason(error));
  }
}

function basic({ user, password }: Login): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** The answer to a digest challenge with SHA-256 (RFC 7616), as Shelly devices of the second generation ask; null for any other challenge. */
export function digest(challenge: string, url: string, { user, password }: Login, cnonce = randomBytes(8).toString('hex')): string | null {
  const part = (name: string) => new RegExp(`\\b${name}="?([^",]+)"?`).exec(challenge)?.[1];
  const [realm, nonce] = [part('realm'), part('nonce')];
  if (!/^Digest /i.test(challenge) || realm === undefined || nonce === undefined || part('algorithm')?.toUpperCase() !== 'SHA-256') return null;
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const { pathname, search } = new URL(url);
  const uri = `${pathname}${search}`;
  const response = hash(`${hash(`${user}:${realm}:${password}`)}:${nonce}:00000001:${cnonce}:auth:${hash(`GET:${uri}`)}`);
  const fields = { username: user, realm, nonce, uri, cnonce, response };
  const quoted = Object.entries(fields).map(([name, value]) => `${name}="${value}"`);
  return `Digest ${quoted.join(', ')}, qop=auth, nc=00000001, algorithm=SHA-256`;
}
