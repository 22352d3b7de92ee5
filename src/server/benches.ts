import express, { Router } from 'express';
import { z } from 'zod';
import { type Benches, BenchRequest } from '../core/bench_job.ts';
import { FleetError } from '../core/errors.ts';
import { BadRequest, NoQuery, parameters, RunId, unreadable } from './parameters.ts';

/** /api/benches: what may be asked for and what has been; asking for one, and stopping it. Without `benches` this server only shows. */
export function benchRoutes(benches: Benches | null): Router {
  const router = Router();
  router.use(express.json({ limit: '4kb', strict: true }));
  const told = async <Result>(act: () => Promise<Result> | Result): Promise<Result> => {
    try {
      return await act();
    } catch (error) {
      throw error instanceof FleetError ? new BadRequest(error.message) : error;
    }
  };

  router.get('/', async ({ query }, response) => {
    parameters(NoQuery, query);
    response.json(benches ? await benches.queue() : { devices: [], toolchains: [], models: [], suites: [], jobs: [] });
  });

  router.post('/', async (request, response) => {
    parameters(NoQuery, request.query);
    if (!request.is('application/json')) throw new BadRequest('Send the bench as JSON: Content-Type: application/json.');
    const asked = BenchRequest.safeParse(request.body);
    if (!asked.success) throw new BadRequest(unreadable(asked.error));
    if (!benches) throw new BadRequest('This server only shows; start `fleet serve` to bench from the page.');
    response.status(201).json(await told(() => benches.add(asked.data)));
  });

  router.post('/:id/stop', async (request, response) => {
    parameters(NoQuery, request.query);
    const { id } = parameters(z.object({ id: RunId }), request.params);
    if (!benches) throw new BadRequest('This server only shows.');
    response.json(await told(() => benches.stop(id)));
  });
  return router;
}
