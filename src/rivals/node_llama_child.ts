import { pathToFileURL } from 'node:url';

/** One measurement of node-llama-cpp in this process; the last line of stdout is the answer. Started by node_llama.ts. */
interface Question {
  /** The package's main file. */
  entry: string;
  model: string;
  kind: 'prefill' | 'decode' | 'start' | 'logits';
  /** How many; for logits their ids. */
  tokens: number | number[];
  threads: number;
}

// The few members used; the package's own types are not installed with the project.
type Step = number | [number, { generateNext: { token?: true; probabilities?: true } }];
interface Sequence {
  evaluate(tokens: number[], options: { temperature: number; yieldEogToken: boolean }): AsyncGenerator<number>;
  controlledEvaluate(steps: Step[]): Promise<({ next: { probabilities?: Map<number, number> } } | undefined)[]>;
  clearHistory(): Promise<void>;
}
interface Model {
  createContext(options: { contextSize: number; threads: number; batchSize: number }): Promise<{ getSequence(): Sequence }>;
}

const BATCH = 512;
const { entry, model: modelPath, kind, tokens, threads } = JSON.parse(process.argv[2] ?? '') as Question;
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry).href);
const began = performance.now();
const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: threads });
const model: Model = await llama.loadModel({ modelPath });
const count = typeof tokens === 'number' ? tokens : tokens.length;
const context = await model.createContext({ contextSize: count + 16, threads, batchSize: BATCH });
const sequence = context.getSequence();

const seconds = (since: number): number => (performance.now() - since) / 1000;

/** Ids that every vocabulary has; which ones they are costs nothing. */
const prompt = (n: number): Step[] =>
  Array.from({ length: n }, (_, i) => (i + 1 < n ? 3 + ((i * 37) % 400) : [3, { generateNext: { token: true } }]));

/** Tokens a second, after one token that warms up. */
async function decode(n: number): Promise<number> {
  const tokens = sequence.evaluate([1], { temperature: 0, yieldEogToken: true });
  await tokens.next();
  const since = performance.now();
  for (let i = 0; i < n; i++) if ((await tokens.next()).done) throw new Error(`the text ended after ${i} tokens`);
  return n / seconds(since);
}

/** The prompt and one choice from its last logits, after one that warms up. */
async function prefill(n: number): Promise<number> {
  await sequence.controlledEvaluate(prompt(n));
  await sequence.clearHistory();
  const since = performance.now();
  await sequence.controlledEvaluate(prompt(n));
  return n / seconds(since);
}

async function logits(ids: number[]): Promise<(number | null)[][]> {
  const answers = await sequence.controlledEvaluate(ids.map((id) => [id, { generateNext: { probabilities: true } }]));
  return answers.map((answer) => {
    const probabilities = answer?.next.probabilities ?? new Map<number, number>();
    const row = new Array<number | null>(probabilities.size).fill(null);
    for (const [token, p] of probabilities) row[token] = p > 0 ? Math.log(p) : null;
    return row;
  });
}

async function answer(): Promise<unknown> {
  if (kind === 'logits') return logits(tokens as number[]);
  if (kind === 'prefill') return { value: await prefill(count) };
  const rate = await decode(count);
  return { value: kind === 'start' ? seconds(began) : rate };
}

process.stdout.write(`${JSON.stringify(await answer())}\n`, () => process.exit(0)); // without the seconds that taking it all down takes
