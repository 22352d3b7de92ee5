import type { Host, HostProcess } from '../src/core/host.ts';
import { lastLine } from '../src/core/last_words.ts';
import { parsed } from '../src/core/parsed.ts';
import { EngineEvent } from '../src/core/serve.ts';
import { type Work, workArguments } from './arguments.ts';

export type Ready = Extract<EngineEvent, { event: 'ready' }>;
export type Done = Extract<EngineEvent, { event: 'done' }>;
export type Usage = Extract<EngineEvent, { event: 'usage' }>;

export interface EngineOptions extends Work {
  binary: string;
  model: string;
  context: number;
  /** File of a prompt's keys and values: written where `build` is set, else only used. */
  promptCache?: { file: string; build: boolean } | null;
  /** Longest silence in seconds. */
  timeout: number;
  signal: AbortSignal;
}

/** What one request generates from; greedy or with a seed, so that it must come out the same each time. */
export interface Request {
  prompt?: string;
  messages?: readonly { role: string; content: string }[];
  tokens?: readonly number[];
  random_tokens?: number;
  max_tokens: number;
  seed?: number;
  ignore_eos?: boolean;
  temperature?: number;
  top_k?: number;
  top_p?: number;
  /** Go on from what the request before has left, as far as both begin alike. */
  keep?: boolean;
}

export interface Answer {
  done: Done;
  tokens: number[];
  /** Seconds from the request being read to each token. */
  times: number[];
  /** Seconds from the first token to the last; null where there are not two. */
  decode: number | null;
  text: string;
}

/** One `trit serve`: its model stays loaded, one request at a time. Everything it writes is judged before it is believed. */
export class Engine {
  readonly ready: Ready;
  readonly #process: HostProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #options: EngineOptions;
  #requests = 0;

  private constructor(process: HostProcess, lines: AsyncIterator<string>, options: EngineOptions, ready: Ready) {
    this.#process = process;
    this.#lines = lines;
    this.#options = options;
    this.ready = ready;
  }

  /** Starts the engine and waits until its model is loaded. Throws a sentence where that fails; nothing is left running then. */
  static async start(host: Host, options: EngineOptions): Promise<Engine> {
    const argv = [options.binary, 'serve', '-m', options.model, '-c', String(options.context), ...workArguments(options)];
    if (options.promptCache) argv.push('--prompt-cache', options.promptCache.file, ...(options.promptCache.build ? [] : ['--prompt-cache-ro']));
    const process = await host.spawn(argv);
    const lines = process.lines[Symbol.asyncIterator]();
    try {
      const event = await next(process, lines, options, 'loading the model');
      if (event.event === 'error') throw new Error(`trit serve did not load ${options.model}: ${event.message}`);
      if (event.event !== 'ready') throw new Error(`trit serve began with ${event.event} instead of ready`);
      return new Engine(process, lines, options, event);
    } catch (error) {
      await stop(process, 0);
      throw error;
    }
  }

  /** Process id on the device. */
  get pid(): number {
    return this.#process.pid;
  }

  /**
   * Generates, greedily where no temperature is given; `each` hears of every token, how many there are by then. Throws a sentence where the
   * engine ends, falls silent, or says what it may not.
   */
  async generate(request: Request, each?: (tokens: number) => void): Promise<Answer> {
    const id = `r${++this.#requests}`;
    const tokens: number[] = [];
    const stamps: number[] = [];
    let text = '';
    this.#process.write(JSON.stringify({ op: 'generate', id, temperature: 0, ...request }));
    for (;;) {
      const event = await this.#next(id);
      if (event.event === 'token') {
        if (event.index !== tokens.length) throw new Error(`trit serve gave token ${event.index} where token ${tokens.length} was due`);
        if (tokens.length >= request.max_tokens) throw new Error(`trit serve gave more than the ${request.max_tokens} tokens asked for`);
        tokens.push(event.token);
        stamps.push(event.t_ns);
        text += event.text;
        each?.(tokens.length);
      } else if (event.event === 'done') {
        judge(event, tokens, stamps);
        const times = stamps.map((t) => (t - event.request_ns) / 1e9);
        const decode = stamps.length > 1 ? ((stamps.at(-1) as number) - (stamps[0] as number)) / 1e9 : null;
        return { done: event, tokens, times, decode, text: text + (event.text_tail ?? '') };
      } else if (event.event !== 'start') {
        throw new Error(`trit serve answered a request with ${event.event}`);
      }
    }
  }

  /** Memory and faults now. */
  async usage(): Promise<Usage> {
    const id = `u${++this.#requests}`;
    this.#process.write(JSON.stringify({ op: 'usage', id }));
    const event = await this.#next(id);
    if (event.event !== 'usage') throw new Error(`trit serve answered usage with ${event.event}`);
    return event;
  }

  /** Ends the engine: asks, after 2 s terminates, after 2 more kills. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#process.write('{"op":"quit"}');
    await stop(this.#process, 2000);
  }

  /** The same without asking first. */
  async abort(): Promise<void> {
    await stop(this.#process, 0);
  }

  async #next(id: string): Promise<EngineEvent> {
    const event = await next(this.#process, this.#lines, this.#options, 'answering a request');
    if (event.event === 'error') throw new Error(`trit serve refused a request: ${event.message}`);
    if (event.event === 'ready' || event.id !== id) throw new Error(`trit serve sent ${event.event} where an answer to ${id} was due`);
    return event;
  }
}

async function next(process: HostProcess, lines: AsyncIterator<string>, options: EngineOptions, doing: string): Promise<EngineEvent> {
  const { timeout, signal } = options;
  const line = lines.next();
  line.catch(() => {});
  let forget = () => {};
  const cut = new Promise<'silent' | 'aborted'>((resolve) => {
    // What it said while this process itself stood still is read first.
    const timer = setTimeout(() => setImmediate(resolve, 'silent'), timeout * 1000);
    const abort = () => resolve('aborted');
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    forget = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    };
  });
  const step = await Promise.race([line, cut]).finally(forget);
  if (step === 'aborted') throw new Error('cancelled');
  if (step === 'silent') throw new Error(`trit serve was silent for ${timeout} s while ${doing}; it was stopped`);
  if (step.done) throw new Error(await obituary(process, doing));
  const event = parsed(EngineEvent, step.value);
  if (!event) throw new Error(`trit serve wrote a line that is no event while ${doing}: ${JSON.stringify(step.value.slice(0, 80))}`);
  return event;
}

async function obituary(process: HostProcess, doing: string): Promise<string> {
  if (!(await ends(process, 10_000))) return `trit serve closed its output while ${doing}`;
  const { code, signal, stderr } = await process.exited;
  const how = signal ? `was ended by ${signal}` : `ended with status ${code}`;
  const last = lastLine(stderr);
  return `trit serve ${how} while ${doing}${last ? `: ${last}` : ''}`;
}

/** What is said at the end must agree with what was said before. */
function judge(done: Done, tokens: readonly number[], stamps: readonly number[]): void {
  const wrong = (what: string) => new Error(`trit serve contradicts itself: ${what}`);
  if (done.n_gen !== tokens.length) throw wrong(`${done.n_gen} tokens counted, ${tokens.length} sent`);
  if (done.hash !== hashOf(tokens)) throw wrong(`the hash ${done.hash} is not that of the tokens`);
  const order = [done.request_ns, ...stamps];
  if (order.some((t, i) => i > 0 && t < (order[i - 1] as number))) throw wrong('its clock went backwards');
  if (tokens.length > 0 && (done.first_ns !== stamps[0] || done.last_ns !== stamps.at(-1)))
    throw wrong('first and last token at other times than sent');
}

/** FNV-1a 64 of the ids as little-endian int32, 16 hex digits. */
export function hashOf(tokens: readonly number[]): string {
  let hash = 0xcbf29ce484222325n;
  for (const token of tokens) {
    for (let shift = 0; shift < 32; shift += 8) hash = ((hash ^ BigInt((token >> shift) & 255)) * 0x100000001b3n) & 0xffffffffffffffffn;
  }
  return hash.toString(16).padStart(16, '0');
}

async function stop(process: HostProcess, patience: number): Promise<void> {
  process.end();
  if (await ends(process, patience)) return;
  process.kill('SIGTERM');
  if (await ends(process, 2000)) return;
  process.kill('SIGKILL');
  await ends(process, 2000);
}

async function ends(process: HostProcess, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  const gone = process.exited.then(
    () => true,
    () => true, // the link to it is lost: its stdin is closed, which ends it
  );
  return Promise.race([gone, late]).finally(() => clearTimeout(timer));
}
