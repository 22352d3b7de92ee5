import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from './engine.ts';
import { ask, type Launch, sameAnswer, sample } from './launch.ts';
import { cgroupPeak, processTimes, proportionalSet, residentParts, residentSet, stalled } from './proc.ts';

/** Seconds between two looks: reading a large process's maps takes milliseconds. */
const EVERY = 0.25;

/**
 * The memory pass: one more request, the longest of the suite, watched while it runs and therefore not timed. Writes the peaks and
 * the traces rss, pss, anon, file and faults; what the device does not tell is left out. `answers` are the last ones by prompt.
 */
export async function memoryPass(at: Launch, answers: readonly Answer[]): Promise<void> {
  const lengths = answers.map(({ done }) => done.n_prompt + done.n_gen);
  const prompt = at.job.suite.prompts[lengths.indexOf(Math.max(...lengths))];
  if (!prompt) return;
  at.journal.write({ kind: 'phase', phase: 'memory', detail: prompt.id });
  const traces = { rss: trace('B'), pss: trace('B'), anon: trace('B'), file: trace('B'), faults: trace('count') };
  const stall = await stalled(at.host, 'memory');
  const begin = at.elapsed();
  const look = async () => {
    const { host, engine } = at;
    const [memory, parts, pss, times] = await Promise.all([
      residentSet(host, engine.pid),
      residentParts(host, engine.pid),
      proportionalSet(host, engine.pid),
      processTimes(host, engine.pid),
    ]);
    const now = at.elapsed() - begin;
    traces.rss.add(now, memory?.rss ?? null);
    traces.pss.add(now, pss);
    traces.anon.add(now, parts?.anon ?? null);
    traces.file.add(now, parts?.file ?? null);
    traces.faults.add(now, times?.majorFaults ?? null);
  };
  const over = new AbortController();
  const request = ask(at, prompt).finally(() => over.abort());
  const looking = (async () => {
    while (!over.signal.aborted) {
      await look();
      await sleep(EVERY * 1000, undefined, { signal: over.signal }).catch(() => {});
    }
    await look();
  })();
  const [exchanges] = await Promise.all([request, looking]);
  for (const { prompt: asked, answer } of exchanges) sameAnswer(at, asked, answer, 'the memory pass');

  const where = { prompt: null, launch: at.launch, repetition: 0, warmup: false };
  const peak = ({ values }: { values: number[] }) => (values.length > 0 ? Math.max(...values) : null);
  sample(at, 'peak_pss', peak(traces.pss), where);
  sample(at, 'peak_anon', peak(traces.anon), where);
  sample(at, 'peak_file', peak(traces.file), where);
  sample(at, 'peak_cgroup', await cgroupPeak(at.host, at.engine.pid), where);
  const after = await stalled(at.host, 'memory');
  sample(at, 'memory_stall', stall === null || after === null ? null : after - stall, where);
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
