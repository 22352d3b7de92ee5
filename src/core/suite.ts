import { z } from 'zod';

/** One prompt of a suite: a text, messages, a conversation, or so many random tokens (llama-bench's pp). */
export const Prompt = z.strictObject({
  id: z.string(),
  text: z.string().optional(),
  /** What the user says, one turn after the other, to whatever the model answered. Each turn is a request of its own, "<id>.<turn>". */
  turns: z.array(z.string().min(1)).min(1).optional(),
  messages: z.array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: z.string() })).optional(),
  random_tokens: z.int().positive().optional(),
  max_tokens: z.int().positive(),
  /** 0 is greedy. The seed is the suite's, so that each request comes out the same. */
  temperature: z.number().min(0).max(10).optional(),
  top_k: z.int().nonnegative().optional(),
  top_p: z.number().min(0).max(1).optional(),
});
export type Prompt = z.infer<typeof Prompt>;

/** What quality is measured on, in place of prompts. */
export const Evaluation = z.strictObject({
  /** Each on its own, from its first token. */
  documents: z.array(z.string().min(1)).min(1),
  /** Longest document, in tokens. */
  max_tokens: z.int().positive(),
  /** The right ending of a beginning is the first one. */
  choices: z.array(z.strictObject({ begin: z.string().min(1), endings: z.array(z.string().min(1)).min(2) })).default([]),
});
export type Evaluation = z.infer<typeof Evaluation>;

/** Prompts, repetitions, warm-up, cool-down: src/data/suites/<name>.json. */
export const Suite = z.strictObject({
  name: z.string(),
  version: z.int().positive(),
  title: z.string(),
  /** Model used when the user names none. */
  model: z.string(),
  /** Several, in place of it: each is measured, one after the other. */
  models: z.array(z.string()).min(1).optional(),
  /** What the system message of every prompt says: parts, joined by newlines. */
  system: z.array(z.string().min(1)).min(1).optional(),
  /** As many of its parts as fit so many tokens of the model's vocabulary. */
  system_tokens: z.int().positive().optional(),
  /** Evaluate the system message once, keep its keys and values in a file, and begin every launch with that. */
  prompt_cache: z.boolean().optional(),
  /** How keys and values are kept. */
  kv: z.enum(['f16', 'q8_0', 'q4_0']).optional(),
  prompts: z.array(Prompt),
  /** Quality in place of speed: nothing is timed then. */
  evaluation: Evaluation.optional(),
  limits: z.boolean().optional(), // false: without measuring what the memory of the device delivers, which takes seconds
  /** What answers must begin with, by SHA-256 of the model's file or name of its twin, then by prompt. A run that says something else is wrong. */
  expected: z.record(z.string(), z.record(z.string(), z.string().min(1))).optional(),
  /** Throughput: so many sequences decoded at once, each of `tokens` tokens behind a context of `depth`. */
  parallel: z
    .strictObject({ sequences: z.array(z.int().positive().max(64)).min(1), tokens: z.int().positive(), depth: z.int().nonnegative() })
    .optional(),
  warmup: z.int().nonnegative(), // requests before measuring, a prompt
  repetitions: z.int().positive(), // measured requests, a prompt
  launches: z.int().positive().default(1), // starts of the binary
  cooldown: z.number().nonnegative().default(0), // seconds between prompts
  seed: z.int().default(1),
  /** Seconds for which each prompt is asked again and again without a pause; `repetitions` then is the most requests that are made. */
  duration: z.number().positive().optional(),
  /** Energy: seconds of idling before and after the requests, and sampled requests a prompt. Without it no power is read. */
  energy: z.strictObject({ idle: z.number().nonnegative(), repetitions: z.int().positive() }).optional(),
  /** What the device must come to before anything is timed; at most `wait` seconds are spent on it, and what is not reached is flagged. */
  gate: z
    .strictObject({
      /** Share of the processor that other programs may use. */
      load: z.number().positive().max(1).default(0.025),
      /** Hottest it may be, degC. */
      temperature: z.number().positive().optional(),
      wait: z.number().nonnegative(),
    })
    .optional(),
});
export type Suite = z.infer<typeof Suite>;
