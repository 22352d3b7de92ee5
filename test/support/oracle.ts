import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { findNodeLlama } from '../../src/rivals/node_llama.ts';

/**
 * llama.cpp as an independent judge, through node-llama-cpp. It is no dependency of the project: `npm run oracle` fetches it into
 * .fleet/oracle, and tests that want it skip with that hint where it is absent.
 */
export interface Oracle {
  /** Natural-log probabilities of the next token after each position: [position][vocabulary]. */
  logProbabilities(model: string, tokens: readonly number[]): Promise<Float64Array[]>;
  /** Token ids of a text, special tokens read as text, no BOS added. */
  tokenize(model: string, texts: readonly string[]): Promise<number[][]>;
  close(): Promise<void>;
}

export const ORACLE_HINT = 'llama.cpp is not here: `npm run oracle` fetches it';

const folder = path.resolve(import.meta.dirname, '../../.fleet/oracle');

// The few members used; the package's own types are not installed with the project.
interface Llama {
  loadModel(options: { modelPath: string; vocabOnly?: boolean }): Promise<LlamaModel>;
  dispose(): Promise<void>;
}
interface LlamaModel {
  createContext(options: {
    contextSize: number;
    threads: number;
    batchSize: number;
  }): Promise<{ getSequence(): LlamaSequence; dispose(): Promise<void> }>;
  tokenize(text: string, specialTokens: boolean, options?: 'trimLeadingSpace'): number[];
  dispose(): Promise<void>;
}
interface LlamaSequence {
  controlledEvaluate(
    input: [number, { generateNext: { probabilities: true } }][],
  ): Promise<({ next: { probabilities: Map<number, number> } } | undefined)[]>;
}

/** The judge, or null where it has not been fetched. */
export async function openOracle(): Promise<Oracle | null> {
  const entry = findNodeLlama(folder);
  if (!entry) return null;
  const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry).href);
  const llama: Llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: 1 });
  return {
    async logProbabilities(modelPath, tokens) {
      const model = await llama.loadModel({ modelPath });
      const context = await model.createContext({ contextSize: 512, threads: 1, batchSize: 512 });
      try {
        const answers = await context.getSequence().controlledEvaluate(tokens.map((token) => [token, { generateNext: { probabilities: true } }]));
        return answers.map((answer) => {
          const probabilities = answer?.next.probabilities ?? new Map<number, number>();
          const row = new Float64Array(probabilities.size).fill(Number.NEGATIVE_INFINITY);
          for (const [token, p] of probabilities) row[token] = Math.log(p);
          return row;
        });
      } finally {
        await context.dispose();
        await model.dispose();
      }
    },
    async tokenize(modelPath, texts) {
      const model = await llama.loadModel({ modelPath, vocabOnly: true });
      try {
        return texts.map((text) => Array.from(model.tokenize(text, false)));
      } finally {
        await model.dispose();
      }
    },
    close: () => llama.dispose(),
  };
}
