import { copyFileSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Published } from '../../src/core/published.ts';
import type { Store } from '../../src/core/store.ts';
import { prometheus } from '../../src/report/prometheus.ts';
import { type RunningServer, type ServerOptions, startServer } from '../../src/server/server.ts';
import { openStore } from '../../src/store/store.ts';
import { afterwards } from './afterwards.ts';
import { databasePath } from './database.ts';
import { temporaryFolder } from './folder.ts';

export const PUBLISHED: Published = { retrieved: '2026-11', rows: [], stories: [] };

export interface Dashboard extends RunningServer {
  path: string;
  /** A controller's own connection to the database that is served. */
  store: Store;
}

/** A folder that is removed after the test. */
export function folder(t: TestContext): string {
  return temporaryFolder('web', t);
}

/** A server on a free port over a database of its own; both are gone after the test. The page is a file that says "page" unless webRoot is given. The database is empty, or a copy of a file. */
export async function dashboard(t: TestContext, { copyOf, ...options }: Partial<ServerOptions> & { copyOf?: string } = {}): Promise<Dashboard> {
  const path = databasePath(t);
  if (copyOf !== undefined) copyFileSync(copyOf, path);
  const store = openStore(path);
  const reader = openStore(path, { readonly: true });
  const webRoot = options.webRoot ?? folder(t);
  if (!options.webRoot) writeFileSync(join(webRoot, 'index.html'), '<!doctype html><title>page</title>');
  const server = await startServer({
    store: reader,
    inventory: async () => ({ devices: [], profiles: {} }),
    published: PUBLISHED,
    metrics: (runs) => prometheus({ runs }),
    port: 0,
    poll: 50,
    ...options,
    webRoot,
  });
  afterwards(t, async () => {
    await server.close();
    reader.close();
    store.close();
  });
  return { ...server, path, store };
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into it as it likes
  json: any;
}

/** A request exactly as given: fetch would mend the path and the Host header. */
export function ask(
  url: string,
  path: string,
  { method = 'GET', headers = {}, body = '' }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname: hostname.replace(/^\[|\]$/g, ''), port, path, method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => {
        const isJson = String(response.headers['content-type']).includes('json');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: isJson && text !== '' ? JSON.parse(text) : null });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
