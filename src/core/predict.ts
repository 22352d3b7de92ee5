/** What one decode step of a model reads and computes. Bytes, weights. */
export interface Work {
  /** Weights of the layers, and bytes of one of them as it is packed. */
  layers: { weights: number; bytesPerWeight: number };
  /** Of the output matrix or its screen. */
  head: { weights: number; bytesPerWeight: number };
  /** Keys and values of a position. */
  kv: number;
}

/** How fast a machine goes through weights: bytes and weights (times tokens) a second. */
export interface Pace {
  /** Reading memory alone. */
  bandwidth: number;
  /** Weights of the layers a second, one token; and weights times tokens of a long prompt. */
  layers: number;
  many: number;
  /** Weights of the head a second. */
  head: number;
  /** Memory that a process may have, bytes; null: unknown. */
  memory: number | null;
  /** What a disk gives, B/s, where the model does not fit; null: unknown. */
  disk: number | null;
}

export interface Prediction {
  decode_rate: number;
  prefill_rate: number;
  bytes_per_token: number;
  /** What decode waits for. */
  bound: 'memory' | 'arithmetic' | 'disk';
}

/** Beside the weights: activations, vocabulary, program. */
const BESIDE = 100e6;

/**
 * Rates as the slowest part allows them: layers, head, keys and values one after the other, each as fast as its kernel or the memory, whichever
 * is slower; where the weights do not fit into memory, all of them come from the disk for every token. `position`: mean length of the context.
 */
export function predict({ layers, head, kv }: Work, pace: Pace, position: number): Prediction {
  const parts = [
    { bytes: layers.weights * layers.bytesPerWeight, arithmetic: layers.weights / pace.layers },
    { bytes: head.weights * head.bytesPerWeight, arithmetic: head.weights / pace.head },
    { bytes: kv * position, arithmetic: 0 },
  ];
  const bytes = sum(parts.map((part) => part.bytes));
  const reading = sum(parts.map((part) => part.bytes / pace.bandwidth));
  let seconds = sum(parts.map((part) => Math.max(part.arithmetic, part.bytes / pace.bandwidth)));
  let bound: Prediction['bound'] = seconds > 1.25 * reading ? 'arithmetic' : 'memory';
  const short = pace.memory !== null && bytes + BESIDE > pace.memory;
  if (short && pace.disk !== null && bytes / pace.disk > seconds) {
    seconds = bytes / pace.disk; // read in turn, so that what was kept is what is needed last
    bound = 'disk';
  }
  const prefill = layers.weights / pace.many;
  return { decode_rate: 1 / seconds, prefill_rate: 1 / prefill, bytes_per_token: bytes, bound };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
