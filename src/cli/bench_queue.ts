import { type ChildProcess, spawn } from 'node:child_process';
import type { Benches, BenchJob, BenchQueue, BenchRequest } from '../core/bench_job.ts';
import { FleetError, reason, UsageError } from '../core/errors.ts';
import { plain } from '../core/plain.ts';
import { newRunId } from '../core/run.ts';

/** Benches that may wait, and benches that are remembered. */
const MOST_WAITING = 20;
const MOST_KEPT = 50;

/** What the page may choose from, asked for anew each time. */
export type Choices = () => Promise<Omit<BenchQueue, 'jobs'>>;

/**
 * Benches asked for from the page, one after another, each a `fleet bench` of its own process: a fault there is none here, and the page
 * follows it like any other. `command` is the program and the arguments before "bench".
 */
export class Queue implements Benches {
  readonly #command: readonly [program: string, ...before: string[]];
  readonly #choices: Choices;
  readonly #env: () => Record<string, string>;
  readonly #jobs: BenchJob[] = [];
  #child: { job: BenchJob; process: ChildProcess; over: Promise<void> } | null = null;
  #closed = false;

  /** `env` is added to this program's environment. */
  constructor(command: readonly [string, ...string[]], choices: Choices, env: () => Record<string, string> = () => ({})) {
    this.#command = command;
    this.#choices = choices;
    this.#env = env;
  }

  async queue(): Promise<BenchQueue> {
    return { ...(await this.#choices()), jobs: [...this.#jobs].reverse() };
  }

  async add(request: BenchRequest): Promise<BenchJob> {
    const known = await this.#choices();
    const choose = (what: string, value: string, among: readonly string[]) => {
      if (!among.includes(value)) throw new UsageError(`There is no ${what} "${value}" here; there are ${among.join(', ')}.`);
    };
    choose('device', request.device, known.devices);
    choose('suite', request.suite, known.suites);
    choose('toolchain', request.toolchain, known.toolchains);
    if (request.model !== null) choose('model', request.model.split(':')[0] as string, known.models);
    if (this.#jobs.filter(({ state }) => state === 'waiting').length >= MOST_WAITING)
      throw new UsageError(`${MOST_WAITING} benches wait already: stop one, or ask again later.`);
    const job: BenchJob = { id: newRunId(), request, state: 'waiting', asked: Date.now(), began: null, ended: null, message: null };
    this.#jobs.push(job);
    const over = this.#jobs.findIndex(({ ended }) => ended !== null);
    if (this.#jobs.length > MOST_KEPT && over >= 0) this.#jobs.splice(over, 1);
    this.#next();
    return job;
  }

  stop(id: string): BenchJob {
    const job = this.#jobs.find((one) => one.id === id);
    if (!job) throw new FleetError(`There is no bench ${id} here: it was asked for at another time, or from the command line.`);
    if (job.state === 'waiting') settle(job, 'stopped', 'taken out before it began');
    else if (this.#child?.job === job) {
      job.state = 'stopping'; // a second time ends it at once; the next bench of the device fetches what it did
      this.#child.process.kill('SIGINT');
    }
    return job;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#jobs) if (job.state === 'waiting') settle(job, 'stopped', 'the server ended');
    if (!this.#child) return;
    this.#child.job.state = 'stopping';
    this.#child.process.kill('SIGINT');
    await this.#child.over;
  }

  #next(): void {
    const job = this.#jobs.find(({ state }) => state === 'waiting');
    if (this.#child || this.#closed || !job) return;
    job.state = 'running';
    job.began = Date.now();
    const [program, ...before] = this.#command;
    const child = spawn(program, [...before, 'bench', ...argumentsOf(job.request)], {
      ...{ stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...this.#env() } },
    });
    const over = new Promise<void>((resolve) => {
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        job.message = lastSentence(text) ?? job.message;
      });
      child.once('error', (error) => settle(job, 'failed', reason(error)));
      child.once('close', (code) => {
        if (job.ended === null) settle(job, code === 0 ? 'done' : job.state === 'stopping' || code === 130 ? 'stopped' : 'failed', job.message);
        this.#child = null;
        resolve();
        this.#next();
      });
    });
    this.#child = { job, process: child, over };
  }
}

function argumentsOf({ device, toolchain, model, suite, threads }: BenchRequest): string[] {
  const options = { device, toolchain, suite, model, threads };
  return Object.entries(options).flatMap(([name, value]) => (value === null ? [] : [`--${name}=${value}`]));
}

function settle(job: BenchJob, state: BenchJob['state'], message: string | null): void {
  Object.assign(job, { state, message, ended: Date.now() });
}

function lastSentence(text: string): string | null {
  const said = text.split(/[\r\n]/).map((line) => plain(line.trim()));
  return said.findLast((line) => line !== '')?.slice(0, 300) ?? null;
}
