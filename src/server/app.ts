import express, { type ErrorRequestHandler, type Express } from 'express';
import { FleetError, reason } from '../core/errors.ts';
import type { StoreReader } from '../core/store.ts';
import { BadRequest, compareQuery, runFilter, runId } from './ask.ts';
import { describe } from './compare.ts';
import { guard } from './guard.ts';
import type { Live } from './live.ts';

export interface AppOptions {
  store: StoreReader;
  live: Live;
  /** Folder of the page's files. */
  page: string;
  /** Numbers that others published: shown as they are. */
  published: readonly unknown[];
  /** Address that is listened on. */
  host: string;
}

/** The JSON interface and the page. Everything is read; nothing can be changed. */
export function createApp({ store, live, page, published, host }: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  app.use(guard(host));
  app.get('/api/runs', (request, response) => void response.json({ runs: store.runs(runFilter({ ...request.query })) }));
  app.get('/api/runs/:id', (request, response) => {
    const run = store.run(runId(request.params.id));
    if (!run) throw new BadRequest('There is no such run: see /api/runs.', 404);
    response.json({ run });
  });
  app.get('/api/compare', (request, response) => void response.json({ comparisons: describe(store, compareQuery({ ...request.query })) }));
  app.get('/api/devices', (_request, response) => void response.json({ devices: store.devices() }));
  app.get('/api/published', (_request, response) => void response.json({ published }));
  app.get('/api/live', (request, response) => live.watch(request, response));
  app.use(express.static(page, { index: 'index.html', dotfiles: 'ignore', redirect: false, fallthrough: true }));
  app.use((_request, _response, next) => next(new BadRequest('There is nothing here: open /.', 404)));
  app.use(fail);
  return app;
}

/** Every failure is a JSON sentence; what is not ours to tell stays in the server's log. */
const fail: ErrorRequestHandler = (error, _request, response, _next) => {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status = error instanceof BadRequest ? error.status : error instanceof FleetError ? 503 : statusOf(error);
  const sentence = error instanceof BadRequest || error instanceof FleetError ? error.message : status < 500 ? 'This request cannot be read.' : 'The server failed; its terminal says why.';
  if (status >= 500) process.stderr.write(`fleet: ${reason(error)}\n`);
  response.status(status).json({ error: sentence });
};

/** Express marks what the client did wrong (a bad % in the path). */
function statusOf(error: unknown): number {
  const status = Number((error as { status?: unknown } | null)?.status);
  return status >= 400 && status < 500 ? status : 500;
}
