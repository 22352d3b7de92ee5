/** How the samples of a metric become one number. */
export type Summary = 'median' | 'max' | 'min' | 'last';

export interface Metric {
  readonly name: string;
  /** Base unit in which samples are stored. */
  readonly unit: 'tokens/s' | 's' | 'B' | 'B/s' | 'W' | 'J' | 'degC' | 'Hz' | 'count' | 'ratio' | 'nat' | '';
  readonly better: 'higher' | 'lower' | 'neither';
  readonly summary: Summary;
  /** Least relative change that counts in a comparison. */
  readonly threshold?: number;
  /** It is the model's, whichever device, build and suite of speed it stands beside. */
  readonly ofModel?: true;
  readonly title: string;
  /** One sentence: what is measured, from when to when. */
  readonly definition: string;
}

/** Every metric fleet knows: one row adds one. Definitions follow MLPerf Client and vLLM where they agree. */
export const METRICS = [
  {
    name: 'prefill_rate',
    unit: 'tokens/s',
    better: 'higher',
    summary: 'median',
    threshold: 0.03,
    title: 'Prefill',
    definition: 'Prompt tokens divided by the time of evaluating the whole prompt.',
  },
  {
    name: 'decode_rate',
    unit: 'tokens/s',
    better: 'higher',
    summary: 'median',
    threshold: 0.02,
    title: 'Decode',
    definition: 'Generated tokens after the first, divided by the time from the first to the last.',
  },
  {
    name: 'time_to_first_token',
    unit: 's',
    better: 'lower',
    summary: 'median',
    title: 'TTFT',
    definition: 'From the request line read by the loaded engine to the first token.',
  },
  {
    name: 'time_per_output_token',
    unit: 's',
    better: 'lower',
    summary: 'median',
    title: 'TPOT',
    definition: 'Time from the first to the last generated token, divided by the tokens after the first; one value a request.',
  },
  {
    name: 'inter_token_latency',
    unit: 's',
    better: 'lower',
    summary: 'median',
    title: 'ITL',
    definition: 'Gaps between neighbouring generated tokens, pooled over all measured requests.',
  },
  {
    name: 'load_time',
    unit: 's',
    better: 'lower',
    summary: 'median',
    title: 'Load',
    definition: 'From the start of reading the model to ready, packing included; a start that writes the packed cache is a warm-up.',
  },
  {
    name: 'start_time',
    unit: 's',
    better: 'lower',
    summary: 'median',
    title: 'Start',
    definition: 'From the start of reading the model to the first token of the first answer, behind a system message that is kept in a file.',
  },
  {
    name: 'prompt_cache_time',
    unit: 's',
    better: 'lower',
    summary: 'median',
    title: 'Prompt cache built',
    definition: 'Evaluation of the system message whose keys and values are then kept in a file, once a run.',
  },
  {
    name: 'throughput_rate',
    unit: 'tokens/s',
    better: 'higher',
    summary: 'max',
    title: 'Throughput',
    definition:
      'Tokens of all sequences that are decoded at once, divided by the time; one value a repetition, and the best number of sequences stands for the run.',
  },
  {
    name: 'peak_rss',
    unit: 'B',
    better: 'lower',
    summary: 'max',
    title: 'Peak RSS',
    definition: 'Highest resident set of the engine (VmHWM), mapped file pages included.',
  },
  {
    name: 'peak_pss',
    unit: 'B',
    better: 'lower',
    summary: 'max',
    title: 'Peak PSS',
    definition: 'Highest proportional set size sampled in the memory pass.',
  },
  {
    name: 'peak_anon',
    unit: 'B',
    better: 'lower',
    summary: 'max',
    title: 'Peak anonymous',
    definition: 'Highest anonymous memory of the engine, swapped parts included, sampled in the memory pass: what cannot be read again.',
  },
  {
    name: 'peak_file',
    unit: 'B',
    better: 'lower',
    summary: 'max',
    title: 'Peak file pages',
    definition: 'Highest resident memory of mapped files, sampled in the memory pass: what the system may drop and read again.',
  },
  {
    name: 'peak_cgroup',
    unit: 'B',
    better: 'lower',
    summary: 'max',
    title: 'Peak of the group',
    definition: "memory.peak of the engine's control group after the memory pass: page cache and neighbours in the group included.",
  },
  {
    name: 'memory_stall',
    unit: 's',
    better: 'lower',
    summary: 'max',
    title: 'Memory stall',
    definition: 'Time in which some task of the device stood still for want of memory during the memory pass (pressure stall information).',
  },
  { name: 'model_bytes', unit: 'B', better: 'lower', summary: 'last', title: 'Model file', definition: 'Size of the model file.' },
  {
    name: 'prompt_cache_bytes',
    unit: 'B',
    better: 'lower',
    summary: 'last',
    title: 'Prompt cache',
    definition: 'Size of the file that keeps the keys and values of the system message.',
  },
  {
    name: 'disk_bytes',
    unit: 'B',
    better: 'lower',
    summary: 'last',
    title: 'On disk',
    definition: 'Model file, packed weights and prompt cache together.',
  },
  {
    name: 'disk_per_token',
    unit: 'B',
    better: 'lower',
    summary: 'median',
    title: 'Reread a token',
    definition:
      'Bytes read from disk after the first token, read-ahead included, divided by the tokens after the first: weights that did not stay in memory.',
  },
  {
    name: 'bytes_per_token',
    unit: 'B',
    better: 'lower',
    summary: 'median',
    title: 'Bytes a token',
    definition: 'Weights and key/value cache read by one decode step.',
  },
  { name: 'bandwidth', unit: 'B/s', better: 'higher', summary: 'median', title: 'Bandwidth', definition: 'Bytes a token times decode rate.' },
  {
    name: 'read_bandwidth',
    unit: 'B/s',
    better: 'neither',
    summary: 'median',
    title: 'Memory limit',
    definition: 'What memory delivers to as many threads when trit reads it in order, before the requests; of models larger than 64 MiB.',
  },
  {
    name: 'major_faults',
    unit: 'count',
    better: 'lower',
    summary: 'max',
    title: 'Major faults',
    definition: 'Page faults served from disk during one request.',
  },
  {
    name: 'power_mean',
    unit: 'W',
    better: 'lower',
    summary: 'median',
    title: 'Power',
    definition: 'Mean power during decode, in the scope of its source.',
  },
  {
    name: 'power_idle',
    unit: 'W',
    better: 'lower',
    summary: 'median',
    title: 'Idle power',
    definition: 'Mean power with the model loaded and nothing asked, before and after the requests.',
  },
  {
    name: 'energy_per_token',
    unit: 'J',
    better: 'lower',
    summary: 'median',
    title: 'J/token',
    definition: 'Energy from the first generated token to the last, divided by the tokens after the first; gross.',
  },
  {
    name: 'energy_per_token_net',
    unit: 'J',
    better: 'lower',
    summary: 'median',
    title: 'J/token net',
    definition: 'The same less idle power times the time.',
  },
  {
    name: 'energy_per_prompt_token',
    unit: 'J',
    better: 'lower',
    summary: 'median',
    title: 'J/prompt token',
    definition: 'Energy from the request being read to the first token, divided by the tokens of the prompt; gross.',
  },
  {
    name: 'energy_per_prompt_token_net',
    unit: 'J',
    better: 'lower',
    summary: 'median',
    title: 'J/prompt token net',
    definition: 'The same less idle power times the time.',
  },
  {
    name: 'sampling_overhead',
    unit: 'ratio',
    better: 'lower',
    summary: 'median',
    title: 'Sampling cost',
    definition: 'How much longer decode took while the sensors were read, in pairs of requests; 0.01 is 1 %.',
  },
  {
    name: 'burst_rate',
    unit: 'tokens/s',
    better: 'higher',
    summary: 'median',
    title: 'First minute',
    definition: 'Median decode rate of the requests that began in the first minute of a sustained run.',
  },
  {
    name: 'sustained_rate',
    unit: 'tokens/s',
    better: 'higher',
    summary: 'median',
    title: 'Last third',
    definition: 'Median decode rate of the requests that began in the last third of a sustained run.',
  },
  {
    name: 'sustained_share',
    unit: 'ratio',
    better: 'higher',
    summary: 'median',
    title: 'Kept speed',
    definition: 'Last third divided by first minute.',
  },
  {
    name: 'time_to_throttle',
    unit: 's',
    better: 'higher',
    summary: 'min',
    title: 'Time to throttle',
    definition:
      'From the first request of a sustained run to the first three in a row whose median is below 95 % of the first minute; absent where that never came.',
  },
  {
    name: 'temperature_max',
    unit: 'degC',
    better: 'lower',
    summary: 'max',
    title: 'Hottest',
    definition: 'Highest sampled temperature of the processor.',
  },
  {
    name: 'frequency_min',
    unit: 'Hz',
    better: 'higher',
    summary: 'min',
    title: 'Slowest clock',
    definition: 'Lowest sampled frequency of a used core while requests ran.',
  },
  {
    name: 'perplexity',
    unit: '',
    better: 'lower',
    summary: 'median',
    ofModel: true,
    threshold: 0.003,
    title: 'Perplexity',
    definition: "e to the mean negative log likelihood a token of the suite's documents, each on its own, the first token not counted.",
  },
  {
    name: 'top1_agreement',
    unit: 'ratio',
    better: 'higher',
    summary: 'median',
    ofModel: true,
    title: 'Same first choice',
    definition: "Share of the positions at which the most likely token is the parent's.",
  },
  {
    name: 'kl_divergence',
    unit: 'nat',
    better: 'lower',
    summary: 'median',
    ofModel: true,
    title: 'KL from parent',
    definition: "Mean Kullback-Leibler divergence of the next token's probabilities from those of the parent.",
  },
  {
    name: 'choice_accuracy',
    unit: 'ratio',
    better: 'higher',
    summary: 'median',
    ofModel: true,
    title: 'Right choices',
    definition: 'Share of the multiple-choice questions whose right ending has the highest likelihood a token.',
  },
  {
    name: 'command_time',
    unit: 's',
    better: 'lower',
    summary: 'median',
    title: 'Whole command',
    definition: 'Wall time of a whole command or test, as another program told it: in imported runs only.',
  },
] as const satisfies readonly Metric[];

export type MetricName = (typeof METRICS)[number]['name'];

/** What says how good a model is. */
export const QUALITY = METRICS.filter((row: Metric) => row.ofModel).map(({ name }) => name);

/** Of a metric whose row names no threshold. */
export const THRESHOLD = 0.05;

export function metric(name: MetricName): Metric {
  return METRICS.find((m) => m.name === name) as Metric;
}

export const METRIC_NAMES = METRICS.map((m) => m.name) as [MetricName, ...MetricName[]];
