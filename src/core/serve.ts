import { z } from 'zod';

/** Events of `trit serve` (kernels/README.md). Times are nanoseconds of the device's monotonic clock. */
const ns = z.number().nonnegative();
/** A count or an amount the system may not tell. */
const amount = z.number().nullable();

export const EngineEvent = z.discriminatedUnion('event', [
  z.object({
    event: z.literal('ready'),
    version: z.string(),
    compiler: z.string().optional(),
    flags: z.string().optional(),
    isa: z.string(),
    kernels: z.record(z.string(), z.string()),
    layouts: z.string(),
    head: z.string().optional(), // "full" or "screen"
    head_bytes: z.number().optional(),
    load: z.enum(['mmap', 'copy', 'packed']).optional(), // how ternary weights came into memory
    cache: z.string().optional(), // the packed cache that was used, '' for none
    cache_made: z.boolean().optional(), // by this very start
    tuned: z.boolean().optional(), // the layout was measured by `trit tune`
    tuned_ratio: amount.optional(), // time of t5 by that of t2 then
    threads: z.int(),
    cpus: z.string(),
    chat: z.string().optional(), // format of its messages
    context: z.int().optional(),
    kv: z.string().optional(),
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
    n_cached: z.int().optional(),
    n_gen: z.int(),
    request_ns: ns,
    prefill_ns: ns,
    first_ns: ns.nullable(), // null where nothing was generated
    last_ns: ns.nullable(),
    stop: z.enum(['length', 'end', 'cancelled', 'context']),
    hash: z.string(),
    /** Bytes of an unfinished character at the end, made printable. */
    text_tail: z.string().optional(),
    bytes_per_token: z.number(),
    head_candidates: amount.optional(),
    head_fallbacks: amount.optional(),
    cache_written: z.number().optional(),
    cache_error: z.string().nullable().optional(),
    minor_faults: amount,
    major_faults: amount,
    decode_minor_faults: amount.optional(),
    decode_major_faults: amount.optional(),
    decode_read_bytes: amount.optional(), // read from disk after the prompt
    rss: amount,
    peak_rss: amount,
  }),
  z.object({ event: z.literal('usage'), id: z.string(), rss: amount, peak_rss: amount, minor_faults: amount, major_faults: amount, t_ns: ns }),
  z.object({ event: z.literal('error'), id: z.string().nullable().optional(), message: z.string() }),
]);
export type EngineEvent = z.infer<typeof EngineEvent>;
