import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from './engine.ts';
import { type Launch, requestFor, sameAnswer, sample } from './launch.ts';
import { processTimes, proportionalSet, residentSet } from './proc.ts';

/** Seconds between two looks: reading a large process's maps takes milliseconds. */
const EVERY = 0.25;

/**
 * The memory pass: one more request, the longest of the suite, watched while it runs and therefore not timed. Writes peak_pss
 * and the traces rss, pss and faults; what the device does not tell is left out. `answers` are the last ones by prompt.
 */
export async function memoryPass(at: Launch, answers: readonly Answer[]): Promise<void> {
  const lengths = answers.map(({ done }) => done.n_prompt + done.n_gen);
  const prompt = at.job.suite.prompts[lengths.indexOf(Math.max(...lengths))];
  if (!prompt) return;
  at.journal.write({ kind: 'phase', phase: 'memory', detail: prompt.id });
  const traces = { rss: trace('B'), pss: trace('B'), faults: trace('count') };
  const begin = at.elapsed();
  const look = async () => {
    const { host, engine } = at;
    const [memory, pss, times] = await Promise.all([
      residentSet(host, engine.pid),
      proportionalSet(host, engine.pid),
      processTimes(host, engine.pid),
    ]);
    const now = at.elapsed() - begin;
    traces.rss.add(now, memory?.rss ?? null);
    traces.pss.add(now, pss);
    traces.faults.add(now, times?.majorFaults ?? null);
  };
  const over = new AbortController();
  const request = at.engine.generate(requestFor(at.job, prompt)).finally(() => over.abort());
  const looking = (async () => {
    while (!over.signal.aborted) {
      await look();
      await sleep(EVERY * 1000, undefined, { signal: over.signal }).catch(() => {});
    }
    await look();
  })();
  const [answer] = await Promise.all([request, looking]);
  sameAnswer(at, prompt, answer, 'the memory pass');

  const peak = traces.pss.values.length > 0 ? Math.max(...traces.pss.values) : null;
  sample(at, 'peak_pss', peak, { prompt: null, launch: at.launch, repetition: 0, warmup: false });
  for (const [series, { unit, times, values }] of Object.entries(traces) as [keyof typeof traces, ReturnType<typeof trace>][]) {
    if (values.length > 0) at.journal.write({ kind: 'series', series, unit, prompt: prompt.id, launch: at.launch, repetition: 0, times, values });
  }
}

function trace(unit: string) {
  const times: number[] = [];
  const values: number[] = [];
  return {
    unit,
    times,
    values,
    add(time: number, value: number | null) {
      if (value === null) return;
      times.push(time);
      values.push(value);
    },
  };
}
