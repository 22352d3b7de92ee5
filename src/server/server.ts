import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { FleetError, reason } from '../core/errors.ts';
import { makeApp, type Served } from './app.ts';
import { isLoopback } from './guard.ts';
import { Live } from './live.ts';

export interface ServerOptions extends Served {
  /** Address to listen on; default 127.0.0.1. With another than a loopback address, requests under any host name are answered, to those who have the token. */
  host?: string;
  /** Needed where the address is not a loopback one; a random one where none is given. */
  token?: string;
  /** Default 8765; 0 takes a free one. */
  port?: number;
  /** Milliseconds between two looks for what other processes wrote; default 500. */
  poll?: number;
}

export interface RunningServer {
  /** For a browser on this machine: http://127.0.0.1:8765/, with ?token= where one is needed. */
  readonly url: string;
  /** Stops listening, ends live streams, resolves when the last connection is closed. */
  close(): Promise<void>;
}

export const DEFAULT_HOST = '127.0.0.1';
export const DEFAULT_PORT = 8765;
/** Milliseconds that an idle connection stays open: as long as a person looks before the next click. */
const KEEP_ALIVE = 60_000;
/** Milliseconds that answers under way get to finish when the server closes. */
const GRACE = 2000;

/** Serves the page and its data. Resolves when it listens; throws FleetError with a sentence where it cannot. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { store, webRoot, host = DEFAULT_HOST, port = DEFAULT_PORT, poll = 500 } = options;
  if (!existsSync(join(webRoot, 'index.html')))
    throw new FleetError(`The page is not built: ${join(webRoot, 'index.html')} is missing. Run \`npm run build\`, then try again.`);
  const live = new Live(store, poll);
  const token = isLoopback(host) ? null : (options.token ?? randomBytes(24).toString('base64url'));
  const server = createServer(makeApp({ ...options, host, token, live }));
  server.keepAliveTimeout = KEEP_ALIVE;
  await listen(server, host, port);
  const address = server.address();
  const taken = typeof address === 'object' && address ? address.port : port;
  return { url: `http://${shown(host)}:${taken}/${token === null ? '' : `?token=${token}`}`, close: () => close(server, live) };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new FleetError(explain(error, host, port), { cause: error })));
    server.listen(port, host, () => resolve());
  });
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `Port ${port} of ${host} is taken by another program, perhaps by another \`fleet serve\`. Choose one with --port N; --port 0 takes a free one.`;
    case 'EACCES':
      return `This user may not listen on port ${port} of ${host}. Choose a port above 1023 with --port N.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${host} is no address of this machine. Leave --host out to serve this machine alone, or give 0.0.0.0 to serve its networks.`;
    default:
      return `The server cannot listen on port ${port} of ${host}: ${reason(error)}. Try another one with --port N.`;
  }
}

/** A server on all addresses is reached from this machine by the loopback one. */
function shown(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return isIPv6(host) ? `[${host}]` : host;
}

async function close(server: Server, live: Live): Promise<void> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  live.close();
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), GRACE);
  await closed;
  clearTimeout(late);
}
