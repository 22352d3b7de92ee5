import { MultiBar, type SingleBar } from 'cli-progress';
import { duration, number, quantity } from '../core/format.ts';
import type { JournalRecord } from '../core/journal.ts';
import { clip, plain } from '../core/plain.ts';
import type { Suite } from '../core/suite.ts';

/** Where one device is in its runs. */
interface Lane {
  /** Work of all its runs, in tokens, and what of it is done. */
  total: number;
  done: number;
  /** Work of runs that have ended, whatever they did. */
  behind: number;
  label: string;
  what: string;
  rate: string;
  /** When the first request began (ms). */
  since: number | null;
  /** When all will be done (ms), as it looked when the last request began. */
  until: number | null;
  bar: SingleBar | null;
}

/**
 * Tells people how a bench goes, on stderr: a bar a device on a terminal, else a line when something new begins. Work is counted in tokens;
 * a prompt's tokens count a quarter, for prefill is so much faster.
 */
export class Progress {
  readonly #lanes = new Map<string, Lane>();
  readonly #suite: Suite;
  readonly #bars: MultiBar | null;
  readonly #print: (line: string) => void;
  readonly #requests = new Map<string, number>();

  constructor(suite: Suite, stream: NodeJS.WriteStream = process.stderr) {
    this.#suite = suite;
    this.#print = (line) => void stream.write(`${line}\n`);
    this.#bars = stream.isTTY
      ? new MultiBar({
          stream,
          format: '{device} {bar} {percent} % {label} {what} {rate} {left}',
          hideCursor: true,
          clearOnComplete: true,
          barsize: 24,
          barCompleteChar: '━',
          barIncompleteChar: '─',
          fps: 8,
          linewrap: false,
          gracefulExit: false,
        })
      : null;
    if (this.#bars) {
      this.#bars.on('redraw-pre', () => this.#refresh());
    }
  }

  /** What one run takes. */
  get #runWork(): number {
    const { prompts, warmup, repetitions, launches } = this.#suite;
    return launches * (warmup + repetitions) * prompts.reduce((sum, prompt) => sum + this.#promptWork(prompt.id), 0);
  }

  #promptWork(id: string): number {
    const prompt = this.#suite.prompts.find((p) => p.id === id);
    if (!prompt) return 1;
    const letters = [prompt.text ?? '', ...(prompt.messages ?? []).map(({ content }) => content), ...(prompt.turns ?? [])].join('').length;
    return prompt.max_tokens * (prompt.turns?.length ?? 1) + ((prompt.random_tokens ?? 0) + letters / 4) / 4;
  }

  /** A step before the runs. */
  step(device: string, text: string): void {
    if (!this.#bars || !this.#lanes.has(device)) this.#print(`${device}: ${text}`);
  }

  /** The runs begin: so many on each device. */
  begin(runs: ReadonlyMap<string, number>): void {
    const width = Math.max(...[...runs.keys()].map((device) => device.length));
    for (const [device, count] of runs) {
      const lane: Lane = {
        total: count * this.#runWork,
        done: 0,
        behind: 0,
        label: '',
        what: 'starting',
        rate: '',
        since: null,
        until: null,
        bar: null,
      };
      lane.bar = this.#bars?.create(1000, 0, { device: device.padEnd(width), percent: '  0', label: '', what: '', rate: '', left: '' }) ?? null;
      this.#lanes.set(device, lane);
    }
  }

  /** A run of a device begins. */
  run(id: string, device: string, label: string): void {
    const lane = this.#lanes.get(device);
    if (!lane) return;
    this.#requests.set(id, -1);
    lane.label = label;
    lane.what = 'starting';
    lane.rate = '';
    if (!this.#bars) this.#print(`${device}: ${label}: run ${id}`);
  }

  record(run: string, device: string, record: JournalRecord): void {
    const lane = this.#lanes.get(device);
    if (!lane) {
      this.#earlier(run, device, record);
      return;
    }
    if (record.kind === 'sample' && record.metric === 'decode_rate') lane.rate = `${number(record.value)} tokens/s`;
    if (record.kind === 'log' && !this.#bars) this.#print(`${device}: ${plain(record.text)}`);
    if (record.kind === 'end') {
      lane.behind += this.#runWork;
      lane.done = lane.behind;
      if (!this.#bars) this.#print(`${device}: ${lane.label}: ${record.status}${record.message ? `: ${plain(record.message)}` : ''}`);
    }
    if (record.kind === 'phase' && record.tokens === undefined) this.#phase(run, device, lane, record);
  }

  /** A run that an earlier call began: a line for each new thing that it does. */
  #earlier(run: string, device: string, record: JournalRecord): void {
    if (record.kind !== 'phase' || (record.done ?? 0) > 0 || record.tokens !== undefined) return;
    this.#print(`${device}: run ${run}: ${PHASES[record.phase]}${record.detail ? ` ${clip(plain(record.detail), 30)}` : ''}`);
  }

  /** Takes the bars away. */
  end(): void {
    this.#bars?.stop();
  }

  #phase(run: string, device: string, lane: Lane, { phase, detail, done, total }: JournalRecord & { kind: 'phase' }): void {
    const name = PHASES[phase];
    const request = phase === 'warmup' || phase === 'measure';
    const before = lane.what;
    const count =
      phase === 'model'
        ? done !== undefined && total
          ? ` ${quantity(done, 'B')} of ${quantity(total, 'B')}`
          : ''
        : request && total
          ? ` ${(done ?? 0) + 1}/${total}`
          : '';
    lane.what = `${name}${detail ? ` ${clip(plain(detail), 30)}` : ''}${count}`;
    if (request) {
      lane.since ??= performance.now();
      const finished = (this.#requests.get(run) ?? -1) + 1;
      this.#requests.set(run, finished);
      lane.done = Math.min(lane.behind + this.#workOf(finished), lane.behind + this.#runWork);
      const spent = performance.now() - lane.since;
      if (spent > 2000 && lane.done > 0) lane.until = performance.now() + (spent * (lane.total - lane.done)) / lane.done;
    }
    if (!this.#bars && (!request || done === 0) && lane.what !== before)
      this.#print(`${device}: ${lane.label}: ${lane.what}${lane.rate && ` (${lane.rate})`}${left(lane) && `, ${left(lane)}`}`);
  }

  /** Work of the first so many requests of a run. */
  #workOf(finished: number): number {
    const { prompts, warmup, repetitions } = this.#suite;
    const each = warmup + repetitions;
    let sum = 0;
    for (let i = 0; i < finished; i++) sum += this.#promptWork(prompts[Math.floor(i / each) % prompts.length]?.id ?? '');
    return sum;
  }

  #refresh(): void {
    for (const lane of this.#lanes.values()) {
      const share = lane.total > 0 ? lane.done / lane.total : 0;
      lane.bar?.update(Math.round(1000 * share), {
        percent: String(Math.round(100 * share)).padStart(3),
        label: lane.label,
        what: lane.what,
        rate: lane.rate,
        left: left(lane),
      });
    }
  }
}

const PHASES: Record<(JournalRecord & { kind: 'phase' })['phase'], string> = {
  model: 'making',
  check: 'checking every kernel',
  golden: 'checking golden tokens',
  tune: 'measuring which layout suits the processor',
  limits: 'measuring what its memory delivers',
  load: 'loading',
  warmup: 'warming up',
  measure: 'measuring',
  memory: 'watching memory',
  wait: 'waiting until the device is cool and quiet',
  idle: 'measuring idle power',
  power: 'measuring energy',
  sustained: 'measuring without a pause',
  cache: 'keeping the system message of',
  parallel: 'decoding sequences at once:',
  quality: 'measuring quality',
};

/** "about 2 min left"; "" while nothing can be said. */
function left({ until }: Lane): string {
  const seconds = until === null ? 0 : Math.round((until - performance.now()) / 1000);
  return seconds >= 1 ? `about ${duration(seconds)} left` : '';
}
