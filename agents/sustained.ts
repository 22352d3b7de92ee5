import { type Stretch, sustainedOf } from '../src/core/sustained.ts';
import type { Answer } from './engine.ts';
import { ask, type Launch, sample } from './launch.ts';
import { record } from './measure.ts';
import type { PowerPass } from './power.ts';
import { Watch } from './watch.ts';

/**
 * A sustained run: each prompt is asked without a pause for the suite's duration, while power, heat and clocks are read; what that costs is
 * measured afterwards. Every request is recorded like a measured one; what became of the speed is summed up.
 */
export async function sustain(at: Launch, power: PowerPass): Promise<Answer[]> {
  const { suite } = at.job;
  const duration = suite.duration as number;
  const answers: Answer[] = [];
  for (const prompt of suite.prompts) {
    const stretches: Stretch[] = [];
    const trace = { times: [] as number[], values: [] as number[] };
    const watch = await Watch.begin(at.host, at.engine.pid, at.engine.ready.model.bytes, at.own);
    await power.begin();
    const begun = at.elapsed();
    let answer: Answer | null = null;
    for (let repetition = 0; repetition < suite.repetitions; repetition++) {
      at.signal.throwIfAborted();
      const since = at.elapsed() - begun;
      if (since >= duration) break;
      at.journal.write({ kind: 'phase', phase: 'sustained', detail: prompt.id, done: Math.round(since), total: duration });
      for (const { prompt: asked, answer: given } of await ask(at, prompt)) {
        record(at, asked, given, { prompt: asked.id, launch: at.launch, repetition, warmup: false });
        power.note(given, asked.id, repetition);
        answer = given;
      }
      const rate: number | null = answer?.decode ? (answer.done.n_gen - 1) / answer.decode : null;
      if (rate === null) continue;
      stretches.push({ begin: since, rate });
      trace.times.push(at.elapsed());
      trace.values.push(rate);
    }
    await power.end();
    for (const { flag, evidence } of await watch.end()) at.flag(flag, `prompt ${prompt.id}: ${evidence}`);
    if (answer) answers.push(answer);
    const where = { prompt: prompt.id, launch: at.launch, repetition: 0 };
    at.journal.write({ kind: 'series', series: 'decode_rate', unit: 'tokens/s', ...where, ...trace });
    const found = sustainedOf(stretches);
    if (!found) continue;
    const { burst, sustained, throttled } = found;
    sample(at, 'burst_rate', burst, { ...where, warmup: false });
    sample(at, 'sustained_rate', sustained, { ...where, warmup: false });
    sample(at, 'sustained_share', sustained / burst, { ...where, warmup: false });
    sample(at, 'time_to_throttle', throttled, { ...where, warmup: false });
    at.journal.sync();
  }
  return answers;
}
