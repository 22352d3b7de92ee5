import { z } from 'zod';

/** One prompt of a suite: a text, or so many random tokens (llama-bench's pp). */
export const Prompt = z.strictObject({
  id: z.string(),
  text: z.string().optional(),
  messages: z.array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: z.string() })).optional(),
  random_tokens: z.int().positive().optional(),
  max_tokens: z.int().positive(),
});
export type Prompt = z.infer<typeof Prompt>;

/** Prompts, repetitions, warm-up, cool-down: src/data/suites/<name>.json. */
export const Suite = z.strictObject({
  name: z.string(),
  version: z.int().positive(),
  title: z.string(),
  /** Model used when the user names none. */
  model: z.string(),
  prompts: z.array(Prompt).min(1),
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
