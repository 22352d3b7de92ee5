import { setTimeout as sleep } from 'node:timers/promises';
import { Bench } from 'tinybench';
import type { Prompt } from '../src/core/suite.ts';
import type { Answer } from './engine.ts';
import { ask, type Exchange, type Launch, mark, sameAnswer, sample, type Where } from './launch.ts';
import { loadAverage } from './proc.ts';
import { Watch } from './watch.ts';

/**
 * Warm-up and measured requests of one launch.
 *
 * The timing window: all times are taken by the engine itself, from the monotonic clock of the device, never by the agent or the
 * controller. The model is loaded before the first request. A request begins when the engine has read its line; time to first token runs
 * from there to the first generated token, so it holds tokenising, the evaluation of the whole prompt and one sampling. Prefill is the
 * evaluation of the prompt alone. Decode runs from the first generated token to the last and is divided by the tokens after the first. Greedy
 * sampling and writing a token's event are inside, reading the event is not. Between requests the agent writes its journal and reads
 * /proc; during one it does nothing but read tokens, and of one that takes long it says every five seconds how many have come: one line.
 * Memory is watched in a request of its own, which is not timed.
 *
 * tinybench counts warm-ups and repetitions; its clock is overridden by the engine's decode time, and it is given no time to fill.
 */
export async function measure(at: Launch): Promise<Answer[]> {
  const { prompts, cooldown } = at.job.suite;
  const loads: { times: number[]; values: number[] } = { times: [], values: [] };
  const look = async () => {
    const load = await loadAverage(at.host);
    if (load === null) return;
    loads.times.push(at.elapsed());
    loads.values.push(load);
  };
  const last: Answer[] = [];
  for (const [index, prompt] of prompts.entries()) {
    if (index > 0 && cooldown > 0) await sleep(cooldown * 1000, undefined, { signal: at.signal });
    await look();
    last.push(await measurePrompt(at, prompt));
    at.journal.sync();
  }
  await look();
  at.journal.write({ kind: 'series', series: 'load', unit: 'count', prompt: null, launch: at.launch, repetition: 0, ...loads });
  return last;
}

/** Seconds between two words on how far a request is. */
const TELL = 5;

/** Calls `act` with what it is called with, but not before so many seconds have gone since `begin` or since the last time. */
export function seldom<Value>(seconds: number, elapsed: () => number, act: (value: Value) => void) {
  let last = elapsed();
  return {
    begin: () => {
      last = elapsed();
    },
    call: (value: Value) => {
      if (elapsed() - last < seconds) return;
      act(value);
      last = elapsed();
    },
  };
}

async function measurePrompt(at: Launch, prompt: Prompt): Promise<Answer> {
  const { warmup, repetitions } = at.job.suite;
  const total = { warmup, measure: repetitions };
  let phase: 'warmup' | 'measure' = 'warmup';
  let repetition = 0;
  let watch: Watch | null = null;
  let exchanges: Exchange[] = [];
  const step = () => {
    const detail = `${prompt.id}${at.job.suite.launches > 1 ? `, launch ${at.launch + 1}` : ''}`;
    return { kind: 'phase', phase, detail, done: repetition, total: total[phase] } as const;
  };
  const progress = seldom(TELL, at.elapsed, (tokens: number) => at.journal.write({ ...step(), tokens }));
  const bench = new Bench({
    iterations: repetitions,
    warmup: warmup > 0,
    warmupIterations: warmup,
    time: 0,
    warmupTime: 0,
    throws: true,
    signal: at.signal,
  });
  bench.add(
    prompt.id,
    // An async function and not one that returns a promise: tinybench would call the latter once just to see what it gives.
    async () => {
      at.signal.throwIfAborted();
      exchanges = await ask(at, prompt, progress.call);
      return { overriddenDuration: exchanges.reduce((sum, { answer }) => sum + (answer.decode ?? answer.done.prefill_ns / 1e9) * 1000, 0) };
    },
    {
      async beforeAll(mode) {
        phase = mode === 'warmup' ? 'warmup' : 'measure';
        repetition = 0;
        if (phase === 'measure') watch = await Watch.begin(at.host, at.engine.pid, at.engine.ready.model.bytes, at.own);
      },
      beforeEach() {
        at.journal.write(step());
        progress.begin();
      },
      afterEach() {
        for (const { prompt: asked, answer } of exchanges)
          record(at, asked, answer, { prompt: asked.id, launch: at.launch, repetition, warmup: phase === 'warmup' });
        repetition += 1;
      },
    },
  );
  await bench.run();
  at.signal.throwIfAborted();
  for (const { flag, evidence } of (await (watch as Watch | null)?.end()) ?? []) at.flag(flag, `prompt ${prompt.id}: ${evidence}`);
  const { latency } = bench.getTask(prompt.id)?.result ?? {};
  if (latency?.samples.length !== repetitions) throw new Error(`prompt ${prompt.id}: ${latency?.samples.length ?? 0} of ${repetitions} repetitions`);
  at.journal.write({
    kind: 'log',
    text: `${prompt.id}: decode ${latency.mean.toFixed(3)} ms a request, sd ${latency.sd.toFixed(3)}, n ${repetitions}`,
  });
  return (exchanges.at(-1) as Exchange).answer;
}

/** Everything one request told. */
export function record(at: Launch, prompt: Prompt, answer: Answer, where: Where): void {
  const { done, times, decode } = answer;
  const { launch, repetition, warmup } = where;
  const which = `${warmup ? 'warm-up' : 'repetition'} ${repetition + 1} of launch ${launch + 1}`;
  if (done.n_gen === 0) throw new Error(`prompt ${prompt.id}: the engine generated nothing (${done.stop})`);
  const rate = decode ? (done.n_gen - 1) / decode : null;
  const evaluated = done.n_prompt - (done.n_cached ?? 0);
  sample(at, 'prefill_rate', done.prefill_ns > 0 && evaluated > 0 ? evaluated / (done.prefill_ns / 1e9) : null, where);
  sample(at, 'decode_rate', rate, where);
  sample(at, 'time_to_first_token', times[0] ?? null, where);
  sample(at, 'time_per_output_token', rate === null ? null : 1 / rate, where);
  sample(at, 'bytes_per_token', done.bytes_per_token > 0 ? done.bytes_per_token : null, where);
  sample(at, 'bandwidth', rate === null || done.bytes_per_token <= 0 ? null : done.bytes_per_token * rate, where);
  sample(at, 'major_faults', done.major_faults, where);
  sample(at, 'disk_per_token', done.decode_read_bytes == null || done.n_gen < 2 ? null : done.decode_read_bytes / (done.n_gen - 1), where);
  if (!warmup) {
    const text = answer.text.slice(0, 65536);
    at.journal.write({ kind: 'series', series: 'token_times', unit: 's', prompt: prompt.id, launch, repetition, times, values: [] });
    at.journal.write({ kind: 'window', ...mark(at, answer, { what: 'measure', prompt: prompt.id, launch, repetition }) });
    at.journal.write({ kind: 'output', prompt: prompt.id, launch, repetition, hash: done.hash, text, tokens: done.n_gen });
    const faults = done.decode_major_faults ?? done.major_faults ?? 0;
    if (faults > 0) at.flag('major-faults-in-decode', `prompt ${prompt.id}, ${which}: ${faults} page faults from disk`);
  }
  sameAnswer(at, prompt, answer, which);
}
