import type { Case, Measure } from '../core/contest.ts';
import { FleetError, reason } from '../core/errors.ts';
import type { Engine, Identity } from './engine.ts';
import { type Ended, lastWords, launch } from './launch.ts';
import { type BenchRow, parseBench } from './llama_bench.ts';

interface BinaryOptions {
  name: string;
  rival: boolean;
  path: string;
  /** In front of the options of llama-bench: the subcommand of trit. */
  before?: readonly string[];
  /** Behind them. */
  args?: readonly string[];
  file: string;
  /** Seconds after which a launch has failed. */
  limit: number;
}

/** A program with the options and the output of llama-bench. */
export class Binary implements Engine {
  readonly name: string;
  readonly rival: boolean;
  readonly file: string;
  readonly setting: string;
  readonly #options: BinaryOptions;
  readonly #identity: Identity = { version: null, compiler: null, code_files: [] };
  #format = 'json';

  constructor(options: BinaryOptions) {
    this.name = options.name;
    this.rival = options.rival;
    this.file = options.file;
    this.setting = (options.args ?? []).join(' ');
    this.#options = options;
  }

  /** A start is a launch that loads, warms up with a token, decodes one and ends. */
  async measure(test: Case, signal?: AbortSignal): Promise<Measure> {
    const prompt = test.kind === 'prefill' ? test.tokens : 0;
    const gen = test.kind === 'prefill' ? 0 : test.tokens;
    let ended = await this.#launch(prompt, gen, test.threads, signal);
    let row = this.#rowOf(ended, prompt, gen);
    if (!row && this.#format === 'json' && ended.code !== 0 && !ended.signal) {
      this.#format = 'md'; // old ones know no JSON
      ended = await this.#launch(prompt, gen, test.threads, signal);
      row = this.#rowOf(ended, prompt, gen);
      if (!row) this.#format = 'json';
    }
    if (!row || ended.code !== 0) throw new FleetError(`${this.name} (${this.#options.path}), ${test.id} of ${this.file}: it ${lastWords(ended)}`);
    if (row.threads !== null && row.threads !== test.threads)
      throw new FleetError(`${this.name}, ${test.id}: it was asked for ${test.threads} threads and says that it used ${row.threads}`);
    this.#identity.version ??= row.build;
    this.#identity.compiler ??= row.compiler;
    if (ended.code_files.length > this.#identity.code_files.length) this.#identity.code_files = ended.code_files;
    const { bytes_per_token, model_bytes } = row;
    return { value: test.kind === 'start' ? ended.seconds : row.rate, peak_rss: ended.peak_rss, others: ended.others, bytes_per_token, model_bytes };
  }

  async logProbabilities(): Promise<null> {
    return null;
  }

  identity(): Identity {
    const files = this.#identity.code_files;
    return { ...this.#identity, code_files: files.length > 0 ? files : [this.#options.path] };
  }

  async #launch(prompt: number, gen: number, threads: number, signal?: AbortSignal): Promise<Ended> {
    const { before = [], args = [], path, limit } = this.#options;
    const test = ['-m', this.file, '-p', String(prompt), '-n', String(gen), '-t', String(threads), '-r', '1', '-o', this.#format];
    try {
      return await launch(path, [...before, ...test, ...args], { signal, limit });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new FleetError(`${this.name}: ${path} cannot be started: ${reason(error)}`, { cause: error });
    }
  }

  #rowOf({ stdout }: Ended, prompt: number, gen: number): BenchRow | undefined {
    return parseBench(stdout).find(({ test }) => test === (prompt > 0 ? `pp${prompt}` : `tg${gen}`));
  }
}
