import { z } from 'zod';

/** Events of `trit serve` (kernels/README.md). Times are nanoseconds of the device's monotonic clock. */
const ns = z.number().nonnegative();

export const EngineEvent = z.discriminatedUnion('event', [
  z.object({
    event: z.literal('ready'),
    version: z.string(),
    isa: z.string(),
    kernels: z.record(z.string(), z.string()),
    layouts: z.string(),
    threads: z.int(),
    cpus: z.string(),
    weight_bytes: z.number(),
    load_ns: ns,
    t_ns: ns,
    pid: z.int(),
    model: z.object({ file: z.string(), arch: z.string(), bytes: z.number(), vocab: z.int(), context: z.int(), layers: z.int(), dim: z.int() }),
  }),
  z.object({ event: z.literal('start'), id: z.string(), n_prompt: z.int(), t_ns: ns }),
  z.object({ event: z.literal('token'), id: z.string(), index: z.int(), token: z.int(), text: z.string(), t_ns: ns }),
  z.object({
    event: z.literal('done'),
    id: z.string(),
    n_prompt: z.int(),
    n_gen: z.int(),
    request_ns: ns,
    prefill_ns: ns,
    first_ns: ns,
    last_ns: ns,
    stop: z.enum(['length', 'end', 'cancelled', 'context']),
    hash: z.string(),
    /** Bytes of an unfinished character at the end, made printable. */
    text_tail: z.string().optional(),
    bytes_per_token: z.number(),
    minor_faults: z.number(),
    major_faults: z.number(),
    rss: z.number(),
    peak_rss: z.number(),
  }),
  z.object({
    event: z.literal('usage'),
    id: z.string(),
    rss: z.number(),
    peak_rss: z.number(),
    minor_faults: z.number(),
    major_faults: z.number(),
    t_ns: ns,
  }),
  z.object({ event: z.literal('error'), id: z.string().nullable().optional(), message: z.string() }),
]);
export type EngineEvent = z.infer<typeof EngineEvent>;
