import express, { type ErrorRequestHandler, type Express, type Response } from 'express';
import type { Benches } from '../core/bench_job.ts';
import { EPOCH_CAUSES } from '../core/epoch.ts';
import { FleetError, reason } from '../core/errors.ts';
import { clipped, histories } from '../core/history.ts';
import type { Published } from '../core/published.ts';
import type { RunSummary } from '../core/run.ts';
import type { DetailBounds, StoreReader } from '../core/store.ts';
import type { Suite } from '../core/suite.ts';
import { benchRoutes } from './benches.ts';
import { compareGroup, compareRuns, judgedComparisons, NOTE } from './compare.ts';
import { type Declared, listDevices } from './devices.ts';
import { knownHost, ownOrigin, readsOnly, safeHeaders, tokenHolders } from './guard.ts';
import type { Live } from './live.ts';
import {
  BadRequest,
  CompareQuery,
  HistoryQuery,
  JudgedQuery,
  NoQuery,
  parameters,
  RunId,
  RunsQuery,
  SettingsQuery,
  type Side,
} from './parameters.ts';

/** Runs of one side of a comparison by conditions. */
const SIDE_LIMIT = 1000;

/** What one run is told of at most: whoever wants all of a longer one exports it. */
const DETAIL: DetailBounds = { samples: 20_000, points: 500_000, text: 4_000_000 };

/** Newest runs that GET /metrics looks through for the newest of each setting. */
const SCRAPED = 5000;

/** What there is to serve. */
export interface Served {
  /** An open store (readonly is enough); whoever opened it closes it. */
  store: StoreReader;
  /** What is declared, asked for at each request, so that an edited file shows at once. A failure becomes a sentence on the page. */
  inventory: () => Promise<Declared>;
  /** src/data/published.json, parsed by core/published.ts. */
  published: Published;
  /** src/data/suites/*.json. */
  suites?: readonly Suite[];
  /** Starts and stops benches; without it the server only shows. */
  benches?: Benches;
  /** The text of GET /metrics, from the newest runs of this fleet; without it there is no such address. */
  metrics?: (runs: readonly RunSummary[]) => Promise<string>;
  /** Folder of the bundled page: index.html, page.js, page.css, icon.svg (dist/web). */
  webRoot: string;
}

/** The application: guards, then the API, then the files of the page, then sentences for everything else. */
export function makeApp(served: Served & { host: string; token: string | null; live: Live }): Express {
  const { store, inventory, published, suites = [], benches = null, metrics, webRoot, host, token, live } = served;
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple'); // no nested objects
  app.use(safeHeaders, knownHost(host), readsOnly, ownOrigin, tokenHolders(token));

  app.set('etag', false); // what is fresh by the time it is asked for again is nothing to compare, or to keep on a disk
  app.use('/api', (_request, response, next) => {
    response.set('Cache-Control', 'no-store');
    next();
  });

  app.get('/api/runs', ({ query }, response) => {
    response.json({ runs: store.runs(parameters(RunsQuery, query)) });
  });

  app.get('/api/runs/:id', ({ params, query }, response) => {
    parameters(NoQuery, query);
    const id = RunId.safeParse(params.id);
    if (!id.success) throw new BadRequest(`The id of the run is wrong: ${id.error.issues[0]?.message}.`);
    const run = store.run(id.data, DETAIL);
    if (run) response.json(run);
    else refuse(response, 404, `There is no run ${id.data} in the database: GET /api/runs lists them.`);
  });

  app.get('/api/compare', ({ query }, response) => {
    if (query.baseline === undefined && query.candidate === undefined) {
      response.json(judgedComparisons(store, parameters(JudgedQuery, query)));
      return;
    }
    const { baseline, candidate, ...filter } = parameters(CompareQuery, query);
    const runsOf = (side: Side): RunSummary[] => {
      if ('id' in side) return store.runs({ id: side.id, prompts: false });
      return store.runs({ ...filter, ...side, valid: true, limit: SIDE_LIMIT, prompts: false });
    };
    const [ours, theirs] = [runsOf(baseline), runsOf(candidate)];
    for (const [side, runs, name] of [[baseline, ours, 'baseline'] as const, [candidate, theirs, 'candidate'] as const]) {
      if (runs.length === 0 && 'id' in side) return refuse(response, 404, `There is no run ${side.id} in the database, given as ${name}.`);
    }
    const both = 'id' in baseline && 'id' in candidate;
    response.json({ comparisons: both ? compareGroup(ours, theirs) : compareRuns(ours, theirs), note: NOTE });
  });

  app.get('/api/settings', ({ query }, response) => {
    const { limit, ...filter } = parameters(SettingsQuery, query);
    const settings = store.settings({ ...filter, limit: limit + 1 });
    response.json({ settings: settings.slice(0, limit), more: settings.length > limit, known: store.metrics() });
  });

  app.get('/api/quality', ({ query }, response) => {
    parameters(NoQuery, query);
    response.json({ quality: store.quality() });
  });

  app.get('/api/history', ({ query }, response) => {
    const { metric, across, points, ...filter } = parameters(HistoryQuery, query);
    const series = histories(store.history({ ...filter, valid: true, metrics: metric }), { metrics: metric, across });
    response.json({ series: series.map((one) => clipped(one, points)), causes: EPOCH_CAUSES });
  });

  app.get('/api/suites', ({ query }, response) => {
    parameters(NoQuery, query);
    response.json({ suites });
  });

  app.use('/api/benches', benchRoutes(benches));

  app.get('/api/devices', async ({ query }, response) => {
    parameters(NoQuery, query);
    response.json(await listDevices(store, inventory));
  });

  app.get('/api/published', ({ query }, response) => {
    parameters(NoQuery, query);
    response.json(published);
  });

  if (metrics)
    app.get('/metrics', async ({ query }, response) => {
      parameters(NoQuery, query);
      response.set('Content-Type', 'text/plain; version=0.0.4; charset=utf-8').send(await metrics(store.runs({ limit: SCRAPED, prompts: false })));
    });

  app.get('/api/live', (request, response) => {
    parameters(NoQuery, request.query);
    live.follow(request, response);
  });

  app.use('/api', (_request, response) =>
    refuse(
      response,
      404,
      'There is no such address in the API: try /api/runs, /api/settings, /api/devices, /api/compare, /api/history, /api/quality, /api/published, /api/suites, /api/benches or /api/live.',
    ),
  );
  app.use(express.static(webRoot, { dotfiles: 'ignore', redirect: false, cacheControl: false }));
  app.use((_request, response) => void response.status(404).type('text/plain').send('There is no such page. The dashboard is at /.\n'));
  app.use(sentences);
  return app;
}

function refuse(response: Response, status: number, error: string): void {
  response.status(status).json({ error });
}

/** Every error becomes a sentence; where it is our own fault the terminal gets it and the visitor no inner detail. */
const sentences: ErrorRequestHandler = (error: unknown, _request, response, _next) => {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (error instanceof BadRequest) return refuse(response, 400, error.message);
  const status = statusOf(error);
  if (status === 404) return refuse(response, 404, 'There is no such page. The dashboard is at /.');
  if (status !== null && status < 500) return refuse(response, status, 'This request cannot be read.');
  if (error instanceof FleetError) return refuse(response, 500, error.message);
  process.stderr.write(`fleet serve: ${reason(error)}\n`);
  refuse(response, 500, 'The server could not answer this request; the terminal it runs in says why.');
};

/** Errors of express itself carry the status they stand for. */
function statusOf(error: unknown): number | null {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' ? status : null;
}
