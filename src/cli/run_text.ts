import { FLAGS } from '../core/flags.ts';
import { ABSENT, quantity } from '../core/format.ts';
import { METRICS, type MetricName } from '../core/metric.ts';
import { packing } from '../core/packing.ts';
import { clip, plain } from '../core/plain.ts';
import type { MetricSummary } from '../core/run.ts';
import { headline, median } from '../core/stats.ts';
import type { RunDetail } from '../core/store.ts';
import { grid } from './grid.ts';

/** One run in full, for a terminal. */
export function describeRun(run: RunDetail): string {
  const parts = [conditions(run), flags(run), metrics('All prompts', run.metrics)];
  for (const [prompt, summaries] of Object.entries(run.prompts)) parts.push(metrics(`Prompt ${plain(prompt)}`, summaries));
  parts.push(power(run), outputs(run));
  return `${parts.filter((part) => part !== '').join('\n')}`;
}

function conditions(run: RunDetail): string {
  const engine = run.engine ?? {};
  const rows: [string, string | null][] = [
    ['run', run.id],
    ['status', `${run.status}${run.message ? `: ${run.message}` : ''}`],
    ['begun', `${new Date(run.started).toISOString()}${run.ended === null ? '' : `, took ${quantity((run.ended - run.started) / 1000, 's')}`}`],
    ['device', `${run.device}${run.emulated ? ' (emulated)' : ''}`],
    ['cpu', run.facts?.cpu ?? null],
    ['model', run.model],
    ['suite', `${run.suite} (version ${run.suiteVersion}${run.suiteHash === null ? '' : `, sha256 ${run.suiteHash.slice(0, 16)}`})`],
    ['threads', run.threads === 0 ? null : `${run.threads}${run.cpus === null ? '' : ` on CPUs ${run.cpus}`}`],
    ['toolchain', `${run.toolchain}${run.build.compiler && `: ${run.build.compiler}`}`],
    ['compiled', run.build.flags || 'without extra flags'],
    ['binary', run.build.sha256 === '' ? null : `${run.build.target}, sha256 ${run.build.sha256}`],
    ['commit', run.commit],
    ['engine', run.engine && `trit ${engine.version}, ISA ${engine.isa}, layouts ${packing(engine)}, CPUs ${engine.cpus}`],
    ['governor', run.facts?.governor ?? null],
    ['epoch', run.epoch],
  ];
  return `${rows.flatMap(([title, text]) => (text === null ? [] : [`${title.padEnd(11)}${plain(text)}`])).join('\n')}\n`;
}

function flags(run: RunDetail): string {
  const lines = run.flags.flatMap((name) => {
    const row = FLAGS.find((flag) => flag.name === name);
    const evidence = run.evidence.filter((e) => e.flag === name).map((e) => `  ${clip(plain(e.evidence), 200)}`);
    return [`${name}${row?.invalid ? ' (not valid)' : ''}: ${row?.meaning ?? ''}`, ...evidence];
  });
  return lines.length > 0 ? `${lines.join('\n')}\n` : '';
}

function metrics(title: string, summaries: Partial<Record<MetricName, MetricSummary>>): string {
  const rows = METRICS.flatMap(({ name, title: metricTitle }) => {
    const found = summaries[name];
    if (!found) return [];
    const cell = (value: number | null): string => quantity(value, found.unit);
    return [
      [
        found.scope ? `${metricTitle} (${found.scope})` : metricTitle,
        cell(headline(name, found)),
        cell(found.p50),
        cell(found.p95),
        cell(found.min),
        cell(found.max),
        String(found.n),
      ],
    ];
  });
  return rows.length > 0 ? `${title}\n${indent(grid(['metric', 'value', 'p50', 'p95', 'lowest', 'highest', 'n'], rows))}` : '';
}

/** Every source of power by itself: the figures above are of the best one. */
function power(run: RunDetail): string {
  const sources = [...new Set(run.samples.flatMap(({ source }) => source ?? []))];
  if (sources.length === 0) return '';
  const rows = sources.map((name) => {
    const own = run.samples.filter(({ source }) => source === name);
    const of = (metric: MetricName) => {
      const values = own.filter((sample) => sample.metric === metric).map(({ value }) => value);
      return values.length > 0 ? quantity(median(values), METRICS.find((row) => row.name === metric)?.unit ?? '') : ABSENT;
    };
    const columns = ['power_idle', 'power_mean', 'energy_per_prompt_token', 'energy_per_token', 'energy_per_token_net'] as const;
    return [name, own[0]?.scope ?? ABSENT, ...columns.map(of)];
  });
  return `Power by source (medians; scopes cannot be compared)\n${indent(grid(['source', 'scope', 'idle', 'decode', 'J/prompt token', 'J/token', 'net'], rows))}`;
}

function outputs(run: RunDetail): string {
  const last = new Map(run.outputs.map((output) => [output.prompt, output]));
  const lines = [...last.values()].map(
    ({ prompt, hash, tokens, text }) => `  ${plain(prompt)}: ${tokens} tokens, ${plain(hash)}: ${clip(plain(text), 120)}`,
  );
  return lines.length > 0 ? `Outputs (a twin's weights are random, and so are its words)\n${lines.join('\n')}\n` : '';
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}
