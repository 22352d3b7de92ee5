import { type GgufTensor, type GgufValue, ggufBytes } from './gguf.ts';

/** What a small model has; everything else follows from it. */
export interface Shape {
  arch: 'llama' | 'bitnet' | 'bitnet-b1.58' | 'bitnet-25';
  layers: number;
  dim: number;
  ffn: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  ropeDim: number;
  vocab: number;
  ropeBase: number;
  /** Divides every rotation frequency (key rope.scaling.*). */
  ropeFactor?: number;
  /** Divides the frequency of each pair (tensor rope_freqs.weight). */
  ropeDivisors?: number[];
  tied: boolean;
  /** One-element `.scale` tensors that multiply the products. */
  scales: boolean;
}

type Tensors = Record<string, GgufTensor>;
const EPS = 1e-5;

/** Random F32 tensors of a shape: xorshift32, uniform, so that every run sees the same model. */
export function randomTensors(shape: Shape): Tensors {
  let state = 0x9e3779b9;
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 31 - 1;
  };
  const tensor = (rows: number, width: number, size: number, middle = 0): GgufTensor => ({
    rows,
    width,
    values: Float32Array.from({ length: rows * width }, () => middle + size * uniform()),
  });
  const { dim, ffn, vocab } = shape;
  const q = shape.heads * shape.headDim;
  const kv = shape.kvHeads * shape.headDim;
  const tensors: Tensors = { 'token_embd.weight': tensor(vocab, dim, 1), 'output_norm.weight': tensor(1, dim, 0.3, 1) };
  if (!shape.tied) tensors['output.weight'] = tensor(vocab, dim, 0.5);
  if (shape.ropeDivisors) tensors['rope_freqs.weight'] = { rows: 1, width: shape.ropeDim / 2, values: shape.ropeDivisors };
  for (let n = 0; n < shape.layers; n++) {
    const matrices: [string, number, number][] = [
      ['attn_q', q, dim],
      ['attn_k', kv, dim],
      ['attn_v', kv, dim],
      ['attn_output', dim, q],
      ['ffn_gate', ffn, dim],
      ['ffn_up', ffn, dim],
      ['ffn_down', dim, ffn],
    ];
    for (const [part, rows, width] of matrices) {
      tensors[`blk.${n}.${part}.weight`] = tensor(rows, width, 2 / Math.sqrt(width));
      if (shape.scales) tensors[`blk.${n}.${part}.scale`] = tensor(1, 1, 0.2, 0.7);
    }
    const norms: [string, number][] = [
      ['attn_norm', dim],
      ['ffn_norm', dim],
    ];
    if (shape.arch !== 'llama') norms.push(['attn_sub_norm', q], ['ffn_sub_norm', ffn]);
    for (const [part, width] of norms) tensors[`blk.${n}.${part}.weight`] = tensor(1, width, 0.3, 1);
  }
  return tensors;
}

/** The keys of a shape. */
export function modelKeys(shape: Shape): Record<string, GgufValue> {
  const { arch } = shape;
  return {
    'general.architecture': { text: arch },
    [`${arch}.context_length`]: { u32: 64 },
    [`${arch}.embedding_length`]: { u32: shape.dim },
    [`${arch}.block_count`]: { u32: shape.layers },
    [`${arch}.feed_forward_length`]: { u32: shape.ffn },
    [`${arch}.attention.head_count`]: { u32: shape.heads },
    [`${arch}.attention.head_count_kv`]: { u32: shape.kvHeads },
    [`${arch}.attention.key_length`]: { u32: shape.headDim },
    [`${arch}.attention.layer_norm_rms_epsilon`]: { f32: EPS },
    [`${arch}.rope.dimension_count`]: { u32: shape.ropeDim },
    [`${arch}.rope.freq_base`]: { f32: shape.ropeBase },
    ...(shape.ropeFactor ? { [`${arch}.rope.scaling.type`]: { text: 'linear' }, [`${arch}.rope.scaling.factor`]: { f32: shape.ropeFactor } } : {}),
  };
}

/** The model as a GGUF file. */
export function modelBytes(shape: Shape, tensors: Tensors): Buffer {
  return ggufBytes(modelKeys(shape), tensors);
}

/** Logits of every position in double precision, written from the papers and as plainly as can be: the oracle of the engine's graph. */
export function referenceLogits(shape: Shape, tensors: Tensors, tokens: number[]): number[][] {
  const weights = (name: string) => (tensors[`${name}.weight`] as GgufTensor).values;
  const norm = (x: number[], name: string) => {
    const scale = 1 / Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length + EPS);
    return x.map((v, i) => v * scale * (weights(name)[i] as number));
  };
  const multiply = (name: string, x: number[]) => {
    const w = tensors[`${name}.weight`] as GgufTensor;
    const scale = Number(tensors[`${name}.scale`]?.values[0] ?? 1);
    return Array.from({ length: w.rows }, (_, r) => scale * x.reduce((sum, v, i) => sum + v * (w.values[r * w.width + i] as number), 0));
  };
  const activate = (v: number) => (shape.arch.startsWith('bitnet-') ? Math.max(v, 0) ** 2 : v / (1 + Math.exp(-v)));
  const rotate = (x: number[], position: number) => {
    const y = [...x];
    const pairs = shape.ropeDim / 2;
    for (let h = 0; h < x.length; h += shape.headDim) {
      for (let i = 0; i < pairs; i++) {
        const divisor = (shape.ropeFactor ?? 1) * (shape.ropeDivisors?.[i] ?? 1);
        const angle = (position * shape.ropeBase ** ((-2 * i) / shape.ropeDim)) / divisor;
        const [a, b] = shape.arch === 'llama' ? [h + 2 * i, h + 2 * i + 1] : [h + i, h + i + pairs];
        y[a] = (x[a] as number) * Math.cos(angle) - (x[b] as number) * Math.sin(angle);
        y[b] = (x[a] as number) * Math.sin(angle) + (x[b] as number) * Math.cos(angle);
      }
    }
    return y;
  };
  const head = (x: number[], h: number) => x.slice(h * shape.headDim, (h + 1) * shape.headDim);
  const attend = (q: number[], keys: number[][], values: number[][]) =>
    Array.from({ length: shape.heads }, (_, h) => {
      const shared = Math.floor(h / (shape.heads / shape.kvHeads));
      const scores = keys.map((k) => head(q, h).reduce((sum, v, i) => sum + v * (head(k, shared)[i] as number), 0) / Math.sqrt(shape.headDim));
      const powers = scores.map((s) => Math.exp(s - Math.max(...scores)));
      const total = powers.reduce((sum, p) => sum + p, 0);
      return Array.from({ length: shape.headDim }, (_, i) =>
        powers.reduce((sum, p, t) => sum + (p / total) * (head(values[t] as number[], shared)[i] as number), 0),
      );
    }).flat();

  const keys: number[][][] = Array.from({ length: shape.layers }, () => []);
  const values: number[][][] = Array.from({ length: shape.layers }, () => []);
  return tokens.map((token, position) => {
    let x = Array.from(weights('token_embd')).slice(token * shape.dim, (token + 1) * shape.dim);
    for (let n = 0; n < shape.layers; n++) {
      const blk = (part: string) => `blk.${n}.${part}`;
      const normed = norm(x, blk('attn_norm'));
      keys[n]?.push(rotate(multiply(blk('attn_k'), normed), position));
      values[n]?.push(multiply(blk('attn_v'), normed));
      let attended = attend(rotate(multiply(blk('attn_q'), normed), position), keys[n] as number[][], values[n] as number[][]);
      if (shape.arch !== 'llama') attended = norm(attended, blk('attn_sub_norm'));
      const added = multiply(blk('attn_output'), attended);
      x = x.map((v, i) => v + (added[i] as number));
      const second = norm(x, blk('ffn_norm'));
      const up = multiply(blk('ffn_up'), second);
      let hidden = multiply(blk('ffn_gate'), second).map((g, i) => activate(g) * (up[i] as number));
      if (shape.arch !== 'llama') hidden = norm(hidden, blk('ffn_sub_norm'));
      const down = multiply(blk('ffn_down'), hidden);
      x = x.map((v, i) => v + (down[i] as number));
    }
    return multiply(shape.tied ? 'token_embd' : 'output', norm(x, 'output_norm'));
  });
}
