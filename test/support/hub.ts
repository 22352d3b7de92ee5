import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { afterwards } from './afterwards.ts';

/** What the server does wrong, one entry a request for a file; those after the last are answered as they should be. */
export type Fault =
  | 'none'
  | 'cut' // closes the connection after a third of what is left
  | 'cut-anew' // sends all of it whatever was asked for, and closes the connection sooner or later
  | 'short' // says a shorter length and ends there
  | 'long' // sends more than the file has, and says so
  | 'endless' // sends more than the file has, and says nothing
  | 'no-range' // sends all of it whatever was asked for
  | 'wrong-range' // sends another range than it was asked for
  | 'busy' // 503 with Retry-After: 0
  | 'silent' // headers, then nothing
  | 'flipped' // one byte is another
  | 'redirect' // to another address of the same server
  | 'elsewhere' // to another host
  | 'loop'; // to itself

/** A request as the server saw it. */
export interface Seen {
  path: string;
  host: string;
  range: string | null;
  authorization: string | null;
}

/** A hub on a local port, with one file, and what was asked of it. */
export interface Hub {
  endpoint: string;
  repo: string;
  file: string;
  bytes: Buffer;
  sha256: string;
  seen: Seen[];
  faults: Fault[];
  /** Small files in the folder of the large one, by name, and the hash that the hub tells of them where it lies. */
  small: Record<string, Buffer>;
  lie: string | null;
  /** What it tells of size and hash; the truth by default. */
  told: { size: number; oid: string } | null;
  /** Wants this token; null: none. */
  token: string | null;
  /** How far in the file the client is that was answered last, where one tells: a cut waits until what was sent has arrived. */
  got: number | null;
  /** Cuts every connection now. */
  drop(): void;
}

/** Starts it; it ends with the test. */
export async function startHub(t: TestContext, bytes: Buffer): Promise<Hub> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const hub: Hub = {
    ...{ endpoint: '', repo: 'somebody/some-model', file: 'weights/model.gguf', bytes, sha256, seen: [], faults: [] },
    ...{ small: {}, lie: null, told: { size: bytes.length, oid: sha256 }, token: null, got: null },
    drop: () => server.closeAllConnections(),
  };
  const server = createServer((request, response) => answer(hub, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  hub.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  afterwards(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return hub;
}

function answer(hub: Hub, request: IncomingMessage, response: ServerResponse): unknown {
  const { url: path = '', headers } = request;
  hub.seen.push({ path, host: headers.host ?? '', range: headers.range ?? null, authorization: headers.authorization ?? null });
  if (path.startsWith('/api/')) return void tell(hub, request, response);
  if (path === `/elsewhere` || path === '/stored') return send(hub, 'none', request, response);
  const small = hub.small[path.replace(`/${hub.repo}/resolve/main/${dirname(hub.file)}/`, '')];
  if (!small && path !== `/${hub.repo}/resolve/main/${hub.file}`) return end(response, 404);
  if (refused(hub, request, response)) return null;
  if (small) return response.end(small);
  const fault = hub.faults.shift() ?? 'none';
  if (fault === 'redirect') return end(response, 302, { location: '/stored' });
  if (fault === 'elsewhere') return end(response, 302, { location: `${hub.endpoint.replace('127.0.0.1', 'localhost')}/elsewhere` });
  if (fault === 'loop') {
    hub.faults.unshift('loop');
    return end(response, 302, { location: path });
  }
  if (fault === 'busy') return end(response, 503, { 'retry-after': '0' });
  return send(hub, fault, request, response);
}

/** What the hub tells of the file that was asked about. */
async function tell(hub: Hub, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const asked = await text(request);
  if (refused(hub, request, response)) return;
  const [name, bytes] = Object.entries(hub.small).find(([name]) => asked.includes(name)) ?? [];
  const { size = 0, oid = '' } = hub.told ?? {};
  const large = { type: 'file', path: hub.file, size, oid: '0'.repeat(40), lfs: { oid, size, pointerSize: 130 } };
  const git = (content: Buffer) => createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  const entry = bytes ? { type: 'file', path: `${dirname(hub.file)}/${name}`, size: bytes.length, oid: hub.lie ?? git(bytes) } : large;
  response.setHeader('content-type', 'application/json').end(JSON.stringify(bytes || hub.told ? [entry] : []));
}

function end(response: ServerResponse, status: number, headers: Record<string, string> = {}): unknown {
  return response.writeHead(status, headers).end();
}

function refused(hub: Hub, { headers }: IncomingMessage, response: ServerResponse): boolean {
  if (hub.token === null || headers.authorization === `Bearer ${hub.token}`) return false;
  response.writeHead(401).end();
  return true;
}

function send(hub: Hub, fault: Fault, request: IncomingMessage, response: ServerResponse): unknown {
  const total = hub.bytes.length;
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
  const whole = asked === undefined || fault === 'no-range' || fault === 'cut-anew';
  let from = whole ? 0 : Number(asked);
  if (from >= total) return end(response, 416, { 'content-range': `bytes */${total}` });
  if (fault === 'wrong-range') from = Math.max(0, from - 7);
  let body = Buffer.from(hub.bytes.subarray(from));
  if (fault === 'flipped') body[0] = (body[0] as number) ^ 1;
  if (fault === 'long' || fault === 'endless') body = Buffer.concat([body, Buffer.alloc(1000)]);
  if (fault === 'short') body = body.subarray(0, Math.ceil(body.length / 2));
  if (!whole) response.setHeader('content-range', `bytes ${from}-${total - 1}/${total}`);
  if (fault !== 'endless') response.setHeader('content-length', body.length);
  response.writeHead(whole ? 200 : 206);
  if (fault === 'silent') return response.flushHeaders();
  if (fault !== 'cut' && fault !== 'cut-anew') return response.end(body);
  const share = fault === 'cut-anew' && hub.seen.length % 2 ? 4 : 3;
  const part = Math.ceil(body.length / share);
  if (hub.got !== null) hub.got = 0;
  return response.write(body.subarray(0, part), () => cut(hub, response, from + part));
}

/** Closes the connection once all up to there has arrived, as far as that is told: fetch drops what it has not handed on by then. */
function cut(hub: Hub, response: ServerResponse, upTo: number): void {
  if (hub.got === null) setTimeout(() => response.destroy(), 30);
  else if (hub.got >= upTo) response.destroy();
  else if (!response.destroyed) setTimeout(cut, 5, hub, response, upTo);
}
