import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { reason, UsageError } from '../core/errors.ts';
import { number, quantity } from '../core/format.ts';
import { METRICS, type MetricName } from '../core/metric.ts';
import { plain } from '../core/plain.ts';
import type { RunSummary } from '../core/run.ts';
import type { Suite } from '../core/suite.ts';
import { findModel } from '../fleet/model.ts';
import { loadSuite } from '../fleet/suite.ts';
import type { Context } from './context.ts';
import { grid } from './grid.ts';
import { measureModels } from './measure_models.ts';

export interface EvalOptions {
  model: string[];
  parent?: string;
  text?: string;
  maxTokens?: number;
  documents?: number;
  device: string;
  toolchain: string[];
  threads?: number[];
  cpus?: string;
  acceptNewHostKey?: boolean;
}

/** Measures the quality of every model on every device. Returns the exit status. */
export async function evalAll(context: Context, options: EvalOptions): Promise<number> {
  const suite = suiteOf(options);
  const models = options.model.map((name) => findModel(context.root, name));
  const parent = options.parent === undefined ? undefined : findModel(context.root, options.parent);
  const { runs, failures, stopped } = await measureModels(context, { ...options, model: undefined, suite: suite.name }, suite, models, parent);
  context.give(() => (runs.length > 0 ? tableOf(runs) : ''), { runs, parent: parent?.name ?? null, errors: failures });
  for (const { device, message } of failures) context.say(`fleet: device ${device}: ${plain(message)}`);
  for (const { device, model, status, message } of runs)
    if (status !== 'ok') context.say(`fleet: ${device}, ${plain(model)}: ${plain(message ?? status)}`);
  if (stopped) return 130;
  return failures.length > 0 || runs.some(({ status }) => status !== 'ok') ? 1 : 0;
}

/** The suite `eval`, with what the options say. Another text is another suite, with no choices. */
function suiteOf({ text, maxTokens, documents }: EvalOptions): Suite {
  const suite = loadSuite('eval');
  const evaluation = { ...suite.evaluation } as NonNullable<Suite['evaluation']>;
  let { name } = suite;
  if (text !== undefined) {
    evaluation.documents = documentsOf(text);
    evaluation.choices = [];
    name = `eval-${basename(text, extname(text))}`;
  }
  if (documents !== undefined) evaluation.documents = evaluation.documents.slice(0, documents);
  if (maxTokens !== undefined) evaluation.max_tokens = maxTokens;
  if (documents !== undefined || maxTokens !== undefined) name = `${name}-${evaluation.documents.length}x${evaluation.max_tokens}`;
  return { ...suite, name, evaluation };
}

function documentsOf(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`the text ${path} cannot be read: ${reason(error)}`);
  }
  const documents = text.split(/^<\|endoftext\|>\r?\n?/m).map((part) => part.replace(/\r?\n$/, ''));
  const filled = documents.filter((part) => part !== '');
  if (filled.length === 0) throw new UsageError(`the text ${path} is empty`);
  return filled;
}

const SHOWN: readonly MetricName[] = ['perplexity', 'top1_agreement', 'kl_divergence', 'choice_accuracy'];

function tableOf(runs: readonly RunSummary[]): string {
  const names = SHOWN.filter((name) => runs.some(({ metrics }) => metrics[name]));
  const title = (name: MetricName) => METRICS.find((row) => row.name === name)?.title ?? name;
  const show = (run: RunSummary, name: MetricName) => {
    const found = run.metrics[name];
    return found ? (found.unit === '' ? number(found.median) : quantity(found.median, found.unit)) : '–';
  };
  const rows = runs.map((run) => [
    run.device,
    run.model,
    run.toolchain,
    ...names.map((name) => show(run, name)),
    [run.status, ...run.flags].join(', '),
  ]);
  return grid(['device', 'model', 'toolchain', ...names.map(title), 'result'], rows);
}
