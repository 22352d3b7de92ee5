import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Case, Measure } from '../core/contest.ts';
import { FleetError, reason } from '../core/errors.ts';
import { parsed } from '../core/parsed.ts';
import type { Engine, Identity } from './engine.ts';
import { type Ended, lastWords, launch } from './launch.ts';

/** Where node-llama-cpp lies in a folder that it was installed into; null where it was not. `npm run oracle` installs it. */
export function findNodeLlama(folder: string): string | null {
  try {
    return createRequire(join(folder, 'package.json')).resolve('node-llama-cpp');
  } catch {
    return null;
  }
}

/** Installs it by the project's own script; what npm says goes to stderr. */
export async function fetchNodeLlama(root: string): Promise<void> {
  const child = spawn('npm', ['run', '--silent', 'oracle'], { cwd: root, stdio: ['ignore', 2, 2] });
  const code = await new Promise<number | null>((resolve) => child.once('error', () => resolve(null)).once('close', resolve));
  if (code !== 0)
    throw new FleetError('node-llama-cpp could not be fetched (npm run oracle); try again with a network, or leave it out with --no-llama');
}

const ANSWER = z.object({ value: z.number().positive() });
const ROWS = z.array(z.array(z.number().nullable()).nonempty());
const CHILD = fileURLToPath(new URL('./node_llama_child.ts', import.meta.url));

/** llama.cpp on the CPU as node-llama-cpp ships it, in a process of its own; timed around the calls of its JavaScript interface. */
export class NodeLlama implements Engine {
  readonly name: string;
  readonly rival = true;
  readonly file: string;
  readonly setting: string;
  readonly #entry: string;
  readonly #limit: number;
  #codeFiles: string[] = [];

  constructor(options: { name: string; entry: string; file: string; limit: number }) {
    this.name = options.name;
    this.file = options.file;
    this.#entry = options.entry;
    this.#limit = options.limit;
    this.setting = this.identity().version ?? '';
  }

  /** A start is loading and two tokens, without that of Node. */
  async measure(test: Case, signal?: AbortSignal): Promise<Measure> {
    const ended = await this.#ask({ kind: test.kind, tokens: test.tokens, threads: test.threads }, test.id, signal);
    const answer = parsed(ANSWER, lastLine(ended));
    if (!answer) throw new FleetError(`${this.name}, ${test.id} of ${this.file}: it ${lastWords(ended)}`);
    if (ended.code_files.length > this.#codeFiles.length) this.#codeFiles = ended.code_files;
    return { value: answer.value, peak_rss: ended.peak_rss, others: ended.others, bytes_per_token: null, model_bytes: null };
  }

  async logProbabilities(tokens: readonly number[], signal?: AbortSignal): Promise<Float64Array[]> {
    const ended = await this.#ask({ kind: 'logits', tokens, threads: 1 }, 'its outputs', signal);
    const rows = parsed(ROWS, lastLine(ended));
    if (!rows) throw new FleetError(`${this.name}, its outputs with ${this.file}: it ${lastWords(ended)}`);
    return rows.map((row) => Float64Array.from(row, (p) => p ?? Number.NEGATIVE_INFINITY));
  }

  identity(): Identity {
    const { version } = readJson(join(dirname(dirname(this.#entry)), 'package.json'));
    const { release } = readJson(join(dirname(dirname(this.#entry)), 'llama/binariesGithubRelease.json'));
    return { version: `node-llama-cpp ${version ?? '?'}, llama.cpp ${release ?? '?'}`, compiler: null, code_files: this.#codeFiles };
  }

  async #ask(question: object, what: string, signal?: AbortSignal): Promise<Ended> {
    const loader = import.meta.resolve('tsx');
    const args = ['--import', loader, CHILD, JSON.stringify({ entry: this.#entry, model: this.file, ...question })];
    try {
      const ended = await launch(process.execPath, args, { signal, limit: this.#limit });
      if (ended.code !== 0) throw new FleetError(`${this.name}, ${what} with ${this.file}: it ${lastWords(ended)}`);
      return ended;
    } catch (error) {
      if (signal?.aborted || error instanceof FleetError) throw error;
      throw new FleetError(`${this.name} cannot be started: ${reason(error)}`, { cause: error });
    }
  }
}

function lastLine({ stdout }: Ended): string {
  return stdout.trim().split('\n').at(-1) ?? '';
}

function readJson(path: string): Record<string, string> {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return {};
  }
}
